if (not exists (
        select 1
        from table({{ database }}.information_schema.policy_references(
            ref_entity_name => '{{ table }}', ref_entity_domain => 'TABLE'
        ))
        where policy_kind = 'STORAGE_LIFECYCLE_POLICY'
    )) then
        alter table {{ table }} add storage lifecycle policy {{ retention_policy }} on (_loaded_at);
    end if;
