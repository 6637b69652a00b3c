is_role_in_session('{{ transformer }}') or is_role_in_session('{{ loader }}') or is_role_in_session('{{ unmasked }}')
    or exists (
        select 1
        from {{ tenant_access }} as access
        where is_role_in_session(access.role_name) and access.tenant_id = '*'
    )
    or exists (
        select 1
        from {{ tenant_access }} as access
        where is_role_in_session(access.role_name) and access.tenant_id = tenant
    )
