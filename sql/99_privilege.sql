-- The enforcement layer's own privileges: which duty each function of wo_private has, and who may call it.
-- Nothing of ours is executable by PUBLIC.

comment on schema wo_private is 'The enforcement layer of wo_core: the functions that the triggers, policies and API of schema wo call. They are not for direct use.';
revoke all on schema wo_private from public;
revoke all on all functions in schema wo_private from public;
grant usage on schema wo_private to wo_owner, wo_admin, wo_user, wo_auditor, wo_monitor, wo_bridge,
    wo_identity, wo_trail, wo_guard, wo_ledger, wo_worker;

-- Definers: each follows the policies of its owner.
alter function wo_private.principal_directory() owner to wo_identity;
alter function wo_private.tables_version() owner to wo_identity;
alter function wo_private.configuration_validate() owner to wo_trail;
alter function wo_private.configuration_audit() owner to wo_trail;
alter function wo_private.call_guard(text, uuid, uuid) owner to wo_guard;
alter function wo_private.mark_ddl() owner to wo_trail;

grant execute on function wo_private.lock_partitions(), wo_private.fix_statistics() to wo_owner;

-- Whoever reads a table needs what its policies call.
grant execute on function wo_private.in_force() to wo_owner, wo_admin, wo_user, wo_auditor, wo_bridge, wo_monitor,
    wo_identity, wo_trail, wo_guard, wo_ledger, wo_worker;
grant execute on function wo_private.current_tenant() to wo_owner, wo_admin, wo_user, wo_auditor, wo_bridge, wo_monitor,
    wo_identity, wo_trail, wo_guard, wo_ledger, wo_worker;
grant execute on function wo_private.current_principal(), wo_private.whoami()
    to wo_admin, wo_user, wo_auditor, wo_bridge, wo_monitor, wo_guard, wo_owner;
grant execute on function wo_private.tables_version(), wo_private.table_problems()
    to wo_owner, wo_admin, wo_user, wo_auditor, wo_bridge, wo_monitor, wo_identity, wo_trail, wo_guard, wo_ledger, wo_worker;
grant execute on function wo_private.authenticate(uuid, text, boolean) to wo_admin, wo_user, wo_auditor;
grant execute on function wo_private.administer(text), wo_private.create_tenant(text, text, text, text, text),
    wo_private.public_key(text), wo_private.begin_timeline(text), wo_private.rebuild_rollups(),
    wo_private.migrate_lifecycle(text, integer, text, text) to wo_admin;
grant execute on function wo_private.publish_definition(text, text, boolean, date, date),
    wo_private.release_definition(text, text, integer, text),
    wo_private.retire_definition(text, text, integer, text) to wo_user, wo_admin;
grant execute on function wo_private.add_release_item(text, text, text, integer) to wo_user;
grant execute on function wo_private.definition_diff(text, text, integer, integer),
    wo_private.newest_definition(text, text) to wo_user, wo_admin, wo_auditor;
grant execute on function wo_private.validate_definition(text, text), wo_private.lifecycle_diagram(text, text, text)
    to wo_admin, wo_user, wo_auditor;
grant execute on function wo_private.allowed_transitions(text), wo_private.create_work_order(text),
    wo_private.create_work_orders(text), wo_private.transition(text, text, text, text, bigint),
    wo_private.transition_given(text), wo_private.patch_work_order(text, text, text, bigint),
    wo_private.check_bulk(text), wo_private.problem(text, text, text, text) to wo_user;
grant execute on function wo_private.refuse_suppressed(text), wo_private.refuse_rules(text) to wo_user, wo_admin;
grant execute on function wo_private.work_order_id(text), wo_private.work_order_id_or_refuse(text)
    to wo_user, wo_admin, wo_auditor;
grant execute on function wo_private.take_action(text, text, text, text),
    wo_private.update_work_order_status(text, text, text) to wo_user;
grant execute on function wo_private.blocker(uuid, text, integer, text), wo_private.state_rule(text, integer, text, uuid),
    wo_private.is_open_state(text), wo_private.is_end_state(text),
    wo_private.checked_page_size(integer, text, text, text, text),
    wo_private.choose_engine(text) to wo_user, wo_admin, wo_auditor;
grant execute on function wo_private.dependencies(text), wo_private.create_from_plan(text) to wo_user;
grant execute on function wo_private.ready_work_orders(text), wo_private.critical_path(text), wo_private.progress(text),
    wo_private.execution_pattern(text), wo_private.dependency_diagram(text, text), wo_private.check_hierarchy()
    to wo_user, wo_admin, wo_auditor;
grant execute on function wo_private.with_job_plan(text, text, integer, text), wo_private.expand_plan(text),
    wo_private.apply_planned(text, text), wo_private.apply_job_plan(text, text, integer, text, text),
    wo_private.record_step(text, text, text, text, bytea, text, text),
    wo_private.request_credential(text, text, text) to wo_user;
grant execute on function wo_private.deliverables(text) to wo_user, wo_admin, wo_auditor;
grant execute on function wo_private.steps(text), wo_private.plan_version_difference(text, integer)
    to wo_user, wo_admin, wo_auditor;
grant execute on function wo_private.tick() to wo_user, wo_admin;
grant execute on function wo_private.worker_status() to wo_admin, wo_monitor, wo_auditor;
grant execute on function wo_private.metrics(), wo_private.worker_health() to wo_admin, wo_monitor, wo_auditor;
grant execute on function wo_private.may_read_attempts() to wo_user;
grant execute on function wo_private.open_finding(text, text, text, text, text, date, text, boolean),
    wo_private.assess_finding(uuid, text, text, date, text, boolean), wo_private.close_finding(uuid, text) to wo_user;
grant execute on function wo_private.findings_for_caller() to wo_user;
grant execute on function wo_private.page_of_findings(integer, uuid) to wo_user, wo_admin, wo_auditor;
grant execute on function wo_private.release_false_alarm(text, text, text, text, text, text),
    wo_private.withdraw_false_alarm(uuid, text) to wo_user, wo_admin;
grant execute on function wo_private.enroll_signing_key(text, text, text, timestamptz) to wo_admin;
grant execute on function wo_private.change_signing_key(text, text, text),
    wo_private.revoke_delegation(uuid, text) to wo_user, wo_admin;
grant execute on function wo_private.request_signature(text, text, text, text, text, text, text),
    wo_private.request_act_signature(text, text, text, text, text),
    wo_private.sign(uuid, text, text), wo_private.withdraw_signature(uuid, text),
    wo_private.delegate_approval(text, text, timestamptz, timestamptz, text, text, text, uuid) to wo_user;
grant execute on function wo_private.approvers(uuid, text, text, text), wo_private.evidence_package(text),
    wo_private.evidence_report(text) to wo_user, wo_admin, wo_auditor;
grant execute on function wo_private.verify_archive(text), wo_private.restore_archive(text), wo_private.release_archive(text) to wo_admin;
grant execute on function wo_private.retention_health(), wo_private.health_sections(), wo_private.health_section(text), wo_private.unregistered_tables() to wo_admin, wo_monitor, wo_auditor;
grant execute on function wo_private.verify_audit(text) to wo_user, wo_admin, wo_auditor;
grant execute on function wo_private.sealing_key(), wo_private.consistency_proof(bigint, bigint)
    to wo_user, wo_admin, wo_auditor, wo_monitor, wo_bridge;
grant execute on function wo_private.inclusion_proof(text, bigint, bigint), wo_private.ledger_proof(text, bigint),
    wo_private.verify_ledger(bigint, bigint), wo_private.reconcile() to wo_user, wo_admin, wo_auditor;
grant execute on function wo_private.ledger_health() to wo_admin, wo_auditor, wo_monitor;
grant execute on function wo_private.recovery_statement(text), wo_private.recover_ledger(text) to wo_admin;
grant execute on function wo_private.create_consumer(text, bigint), wo_private.drop_consumer(text),
    wo_private.fetch_events(text, integer), wo_private.acknowledge(text, bigint),
    wo_private.move_consumer(text, bigint, text) to wo_user, wo_admin, wo_bridge;
grant execute on function wo_private.assign_consumer(text, text, text) to wo_admin;
grant execute on function wo_private.cloudevent(uuid, bigint, integer, text, uuid, timestamptz, text, text)
    to wo_user, wo_admin, wo_bridge, wo_auditor;
grant execute on function wo_private.call_guard(text, uuid, uuid) to wo_trail, wo_user;
grant execute on function wo_private.lock_for_guard(text) to wo_guard;
grant execute on function wo_private.is_enforcing(), wo_private.add_ddl_marks(jsonb),
    wo_private.is_of_this_transaction(bigint) to wo_trail;
grant execute on function wo_private.schema_entries(timestamptz) to wo_admin, wo_auditor;
grant execute on function wo_private.refuse_change(), wo_private.invalidate(), wo_private.refuse_foreign_writer(),
    wo_private.configuration_validate(), wo_private.configuration_audit(), wo_private.child_record_validate(),
    wo_private.child_record_audit(), wo_private.settle(), wo_private.principal_directory(),
    wo_private.work_order_validate(), wo_private.work_order_audit(), wo_private.work_order_import() to wo_owner;
grant execute on function wo_private.beginning_of_work(text), wo_private.record_preflight(text, text) to wo_user;
