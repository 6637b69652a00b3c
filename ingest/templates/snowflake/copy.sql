copy into {{ table }}
from @{{ stage }}
pattern = '{{ pattern }}'
file_format = (format_name = '{{ file_format }}')
match_by_column_name = case_insensitive
include_metadata = (
    _file = metadata$filename, _file_row = metadata$file_row_number, _loaded_at = metadata$start_scan_time
)
on_error = skip_file
