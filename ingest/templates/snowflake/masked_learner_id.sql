case
        when is_role_in_session('{{ transformer }}') or is_role_in_session('{{ loader }}') or is_role_in_session('{{ unmasked }}')
            then learner_id
        else sha2((select max(salt) from {{ salt }}) || learner_id, 256)
    end
