-- Who may call the API. PUBLIC may nothing; each role exactly what is listed here.

-- == enforcement ==

revoke all on schema wo from public;
revoke all on all functions in schema wo from public;
revoke all on type wo.order_number, wo.title, wo.work_source, wo.hours, wo.json_map, wo.idempotency_key,
    wo.ordinal, wo.sha256 from public;
grant usage on type wo.order_number, wo.title, wo.work_source, wo.hours, wo.json_map, wo.idempotency_key,
    wo.ordinal, wo.sha256 to wo_admin, wo_user, wo_auditor, wo_trail, wo_guard, wo_ledger, wo_worker;
grant usage on schema wo to wo_admin, wo_user, wo_auditor, wo_monitor, wo_bridge, wo_identity, wo_trail, wo_guard, wo_ledger, wo_worker;
grant execute on function wo.current_tenant(), wo.current_principal(), wo.whoami()
    to wo_admin, wo_user, wo_auditor, wo_monitor, wo_bridge, wo_guard, wo_trail, wo_identity;
grant execute on function wo.authenticate(text), wo.authenticate(uuid, text), wo.authenticate_session(text)
    to wo_admin, wo_user, wo_auditor;
grant execute on function wo.administer(text), wo.administer(uuid), wo.create_tenant(text, text, text, text, text), wo.create_role(text, text),
    wo.create_principal(text, text, text, text[], text, boolean, text), wo.grant_role(text, text), wo.revoke_role(text, text),
    wo.disable_principal(text), wo.enable_principal(text), wo.trust_issuer(text, text, text, text),
    wo.distrust_issuer(text, text), wo.publish_lifecycle(jsonb), wo.register_guard(text, regprocedure, text),
    wo.migrate_lifecycle(text, integer, text, jsonb), wo.begin_timeline(text), wo.make_partitions(integer), wo.rebuild_rollups() to wo_admin;
grant execute on function wo.schema_changes(timestamptz, timestamptz) to wo_admin, wo_auditor;
grant execute on function wo.make_partitions(integer) to wo_worker;
grant execute on function wo.lock_for_guard(text) to wo_guard;
grant execute on function wo.set_definition_policy(text, text, text, text) to wo_admin;
grant execute on function wo.publish_definition(text, jsonb, boolean, date, date),
    wo.release_definition(text, text, integer, text), wo.retire_definition(text, text, integer, text)
    to wo_user, wo_admin;
grant execute on function wo.add_release_item(text, text, text, integer),
    wo.remove_release_item(text, text, text, integer) to wo_user;
grant execute on function wo.validate_definition(text, jsonb), wo.definition_diff(text, text, integer, integer),
    wo.newest_definition(text, text), wo.release_items(text) to wo_user, wo_admin, wo_auditor;
grant execute on function wo.validate_lifecycle(jsonb), wo.lifecycle_diagram(text, integer, text)
    to wo_admin, wo_user, wo_auditor;
grant execute on function
    wo.create_work_order(text, text, text, text, text, text, date, numeric, text, text, text, boolean, text, timestamptz, timestamptz, text[], text, jsonb, text, text, text, boolean, jsonb, text, integer, jsonb, text),
    wo.create_work_orders(jsonb), wo.transition(text, text, text, jsonb, bigint), wo.transition_many(jsonb),
    wo.patch_work_order(text, jsonb, text, bigint), wo.allowed_transitions(text) to wo_user;
grant execute on function wo.accept_work_order(text), wo.update_work_order_status(text, text, text),
    wo.complete_work_order(text, text, numeric), wo.verify_work_order(text, boolean, text),
    wo.override_engine(text, text, text), wo.withdraw_engine_override(text) to wo_user;
grant execute on function wo.list_work_orders(text, text, text, text, boolean, integer, text, text),
    wo.get_work_order_detail(text), wo.list_identities(), wo.choose_engine(text),
    wo.blocker(uuid, text, integer, text), wo.state_rule(text, integer, text, uuid) to wo_user, wo_admin, wo_auditor;
grant execute on function wo.link_work_order(text, text, boolean, text, text, integer, jsonb), wo.unlink_work_order(text, text),
    wo.set_hierarchy_policy(text, jsonb, text), wo.add_dependency(text, text, interval, text, boolean),
    wo.remove_dependency(text, text), wo.add_dependencies(jsonb), wo.remove_dependencies(jsonb),
    wo.create_from_plan(jsonb) to wo_user;
grant execute on function wo.ready_work_orders(text), wo.critical_path(text), wo.progress(text),
    wo.execution_pattern(text), wo.dependency_diagram(text, text), wo.check_hierarchy()
    to wo_user, wo_admin, wo_auditor;
grant execute on function wo.apply_job_plan(text, text, integer, jsonb, text),
    wo.move_to_plan_version(text, integer, text, jsonb),
    wo.record_step(text, text, text, text, bytea, text, jsonb), wo.correct_step(text, text, text, text, text, bytea),
    wo.witness_step(text, text, text), wo.skip_step(text, text, text), wo.decide_step(text, text, text, text),
    wo.request_credential(text, text, text) to wo_user;
grant execute on function wo.add_deliverable(text, text, text, text, bytea, bigint, text, boolean, text),
    wo.review_deliverable(text, uuid, text, text) to wo_user;
grant execute on function wo.register_document(text, text, text, boolean) to wo_admin;
grant execute on function wo.add_document_version(text, text, text, bytea, text, date),
    wo.archive_document(text, text, text, date) to wo_user;
grant execute on function wo.document_versions(text) to wo_user, wo_admin, wo_auditor;
grant execute on function wo.deliverables(text) to wo_user, wo_admin, wo_auditor;
grant execute on function wo.steps(text), wo.plan_version_difference(text, integer) to wo_user, wo_admin, wo_auditor;
grant execute on function wo.tick() to wo_user, wo_admin;
grant execute on function wo.worker_status() to wo_admin, wo_monitor, wo_auditor;
grant execute on function wo.open_finding(text, text, text, text, text, date, text, boolean),
    wo.assess_finding(uuid, text, text, date, text, boolean), wo.close_finding(uuid, text) to wo_user;
grant execute on function wo.findings(boolean, text, text, text, boolean, boolean, integer, uuid)
    to wo_user, wo_admin, wo_auditor;
grant execute on function wo.release_false_alarm(text, text, text, text, text, text), wo.withdraw_false_alarm(uuid, text)
    to wo_user, wo_admin;
grant execute on function wo.enroll_signing_key(text, text, text, timestamptz),
    wo.record_identity_verification(text, text), wo.retire_signing_key(text) to wo_admin;
grant execute on function wo.revoke_signing_key(text, text), wo.revoke_delegation(uuid, text) to wo_user, wo_admin;
grant execute on function wo.request_signature(text, text, text, text, text, text, text),
    wo.request_act_signature(text, text, text, text, text), wo.sign(uuid, text),
    wo.reject(uuid, text), wo.withdraw_signature(uuid, text),
    wo.delegate_approval(text, text, timestamptz, timestamptz, text, text, text, uuid) to wo_user;
grant execute on function wo.signatures(text), wo.act_signatures(text), wo.pending_approvals(text), wo.evidence_package(text),
    wo.evidence_report(text) to wo_user, wo_admin, wo_auditor;
grant execute on function wo.verify_archive(text), wo.restore_archive(text), wo.release_archive(text) to wo_admin;
grant execute on function wo.audit_trail(text), wo.verify_audit(text) to wo_user, wo_admin, wo_auditor;
grant execute on function wo.create_consumer(text, bigint), wo.drop_consumer(text),
    wo.fetch_events(text, integer), wo.acknowledge(text, bigint), wo.move_consumer(text, bigint, text)
    to wo_user, wo_admin, wo_bridge;
grant execute on function wo.assign_consumer(text, text, text) to wo_admin;
grant execute on function wo.checkpoint(bigint), wo.sealing_key(), wo.ledger_origin(), wo.consistency_proof(bigint, bigint)
    to wo_user, wo_admin, wo_auditor, wo_monitor, wo_bridge;
grant execute on function wo.inclusion_proof(text, bigint, bigint), wo.ledger_proof(text, bigint),
    wo.verify_ledger(bigint, bigint), wo.reconcile() to wo_user, wo_admin, wo_auditor;
grant execute on function wo.recovery_statement(text), wo.recover_ledger(text) to wo_admin;
grant execute on function wo.health() to wo_admin, wo_monitor, wo_auditor;
grant execute on function wo.preflight(text), wo.record_preflight(text, text), wo.my_work() to wo_user;
grant execute on function wo.fleet_overview() to wo_user, wo_admin, wo_auditor;
grant execute on function wo.set_state_limit(text, text, numeric) to wo_admin;
grant execute on function wo.lifecycle_states(text, integer) to wo_user, wo_admin, wo_auditor;
