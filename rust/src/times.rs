//! Times as sent → microseconds of the epoch. `None` is a form that is left to the slower reader.

const FIRST: i64 = -62_135_596_800_000_000; // 0001-01-01
const LAST: i64 = 253_402_300_799_999_999; // 9999-12-31T23:59:59.999999
const DAY: i64 = 86_400;

/// RFC 3339 with `T`, up to nine digits of a second, and `Z`, an offset, or none, which is UTC.
pub fn of_text(text: &[u8]) -> Option<i64> {
    let (clock, rest) = (text.get(..19)?, &text[19..]);
    let marks = (clock[4], clock[7], clock[10], clock[13], clock[16]);
    if marks != (b'-', b'-', b'T', b':', b':') {
        return None;
    }
    let (year, month, day) = (
        number(&clock[..4])?,
        number(&clock[5..7])?,
        number(&clock[8..10])?,
    );
    let (hour, minute, second) = (
        number(&clock[11..13])?,
        number(&clock[14..16])?,
        number(&clock[17..])?,
    );
    if day < 1 || day > days_of(year, month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (micros, rest) = fraction(rest)?;
    let seconds = days_since_epoch(year, month, day) * DAY + hour * 3600 + minute * 60 + second
        - offset(rest)?;
    within(seconds * 1_000_000 + micros)
}

/// Milliseconds of the epoch, a whole number.
pub fn of_number(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 15 || (negative && digits == b"0") {
        return None;
    }
    let millis = number(digits)? * if negative { -1 } else { 1 };
    within(millis * 1000)
}

fn within(micros: i64) -> Option<i64> {
    (FIRST..=LAST).contains(&micros).then_some(micros)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'9' => Some(value * 10 + i64::from(digit - b'0')),
        _ => None,
    })
}

/// A fraction in microseconds, finer digits cut off, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = rest.split_first() else {
        return Some((0, rest));
    };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 || count > 9 {
        return None;
    }
    let micros = number(&rest[..count.min(6)])? * 10_i64.pow(6 - count.min(6) as u32);
    Some((micros, &rest[count..]))
}

/// An offset in seconds east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    match text {
        [] | [b'Z'] => Some(0),
        [sign @ (b'+' | b'-'), hours @ .., b':', tens, ones] if hours.len() == 2 => {
            let (hours, minutes) = (number(hours)?, number(&[*tens, *ones])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            Some((hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 })
        }
        _ => None,
    }
}

fn days_of(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Days from 1970-01-01, in the Gregorian calendar. Years are counted from March, so that a leap day is the last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let years = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    years * 365 + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400) + day_of_year
        - 719_468
}
