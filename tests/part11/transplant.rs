//! A signature holds for what was signed and for nothing else (11.70): whoever moves it, through
//! the functions, by SQL or as a superuser, has no signature.

use std::cell::RefCell;

use postgres::Transaction;
use serde_json::json;
use wo_cluster_tests::signing::{Ask, Challenge, Company, ROOT, SERVICE};
use wo_cluster_tests::{db_error, refused};

use crate::part11::evidence::offline_problems;
use crate::part11::tamper::{Broken, behind_the_back, broken, rehash, tampered};

/// Two work orders whose plans wait for their signatures; the first one's owner has asked for hers.
struct Desk {
    company: Company,
    number: String,
    other: String,
    challenge: Challenge,
    signature: String,
}

impl Desk {
    fn set() -> Self {
        let company = Company::found();
        let [number, other] = [(); 2].map(|()| company.reach("pending_approval"));
        let challenge = company.request("owner", &Ask::approve(&number, "system_owner", "plan"));
        let challenge = challenge.unwrap();
        let signature = company.signature("owner", &challenge.payload);
        Self { company, number, other, challenge, signature }
    }

    /// The same, the signature being given.
    fn signed() -> Self {
        let desk = Self::set();
        desk.company.hand_in("owner", &desk.challenge, &desk.signature).unwrap();
        desk.company.assert_intact();
        desk
    }

    /// What asks for another signature does not take this one.
    #[track_caller]
    fn does_not_answer(&self, who: &str, to: &Challenge) {
        let before = self.approvals();
        refused(self.company.hand_in(who, to, &self.signature), "42501", "signature_invalid");
        assert_eq!(self.approvals(), before);
    }

    fn approvals(&self) -> i64 {
        self.company.one(ROOT, "select count(*) from wo.approval")
    }

    /// What `wo.verify_audit` and the offline verifier say of the work order after tampering.
    fn after(
        &self,
        number: &str,
        tampering: impl FnOnce(&mut Transaction<'_>),
    ) -> (Broken, Vec<String>) {
        tampered(&self.company, tampering, |transaction| {
            let found = broken(transaction);
            let package = format!("select wo.evidence_package('{number}')");
            let package: String = transaction.query_one(&package, &[]).unwrap().get(0);
            (found, offline_problems(&package))
        })
    }

    /// Both of them find something, the database in the chain of that work order.
    #[track_caller]
    fn is_found(&self, number: &str, tampering: impl FnOnce(&mut Transaction<'_>)) {
        let (found, offline) = self.after(number, tampering);
        assert!(found.iter().any(|one| one.0 == "work_order" && one.1 == number), "{found:?}");
        assert!(!offline.is_empty(), "the offline verifier finds nothing");
    }
}

#[test]
fn row_18_a_signature_does_not_answer_for_another_work_order() {
    let desk = Desk::set();
    let ask = Ask::approve(&desk.other, "system_owner", "plan");
    let other = desk.company.request("owner", &ask).unwrap();
    desk.does_not_answer("owner", &other);
}

#[test]
fn row_18_a_signature_does_not_answer_for_another_version() {
    let desk = Desk::set();
    let company = &desk.company;
    company.run(
        "owner",
        &format!("update wo.work_order set title = 'Mend another', reason = 'because' where wo_number = '{}'", desk.number),
    );
    let ask = Ask::approve(&desk.number, "system_owner", "plan");
    let newer = company.request("owner", &ask).unwrap();
    assert_ne!(newer.said()["version"], desk.challenge.said()["version"]);
    assert_ne!(newer.said()["content_sha256"], desk.challenge.said()["content_sha256"]);
    desk.does_not_answer("owner", &newer);
    refused(company.sign("owner", &desk.challenge), "40001", "record_changed");
    company.sign("owner", &newer).unwrap();
}

#[test]
fn row_18_a_signature_does_not_answer_for_another_role_decision_or_reason() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let asks = [
        Ask::approve(&number, "system_owner", "plan"),
        Ask::approve(&number, "qa", "plan"),
        Ask::reject(&number, "qa", "plan", "no test is planned"),
        Ask::reject(&number, "qa", "plan", "no rollback is planned"),
    ];
    let challenges: Vec<Challenge> =
        asks.iter().map(|ask| company.request("versatile", ask).unwrap()).collect();
    for (one, given) in challenges.iter().enumerate() {
        let signature = company.signature("versatile", &given.payload);
        for (another, asked) in challenges.iter().enumerate() {
            if one != another {
                let tried = company.hand_in("versatile", asked, &signature);
                refused(tried, "42501", "signature_invalid");
            }
        }
    }
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.approval"), 0);
}

#[test]
fn row_18_an_approval_is_not_handed_in_as_a_rejection_nor_the_other_way_round() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    for ask in [Ask::approve(&number, "qa", "plan"), Ask::reject(&number, "qa", "plan", "no test")]
    {
        let mut challenge = company.request("qa", &ask).unwrap();
        challenge.rejects = !challenge.rejects;
        refused(company.sign("qa", &challenge), "22023", "challenge_decision");
    }
    assert_eq!(company.status(&number), "pending_approval");
}

#[test]
fn row_18_a_signature_does_not_answer_for_another_meaning_or_transition() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let plan = company.request("owner", &Ask::approve(&number, "system_owner", "plan")).unwrap();
    company.sign("owner", &plan).unwrap();
    let signature = company.signature("owner", &plan.payload);
    company.signed("qa", &Ask::approve(&number, "qa", "plan"));
    company.transition("planner", &number, "assigned");
    company.transition("worker", &number, "in_progress");
    company.transition("worker", &number, "completed");
    let completion = Ask::approve(&number, "system_owner", "completion");
    let completion = company.request("owner", &completion).unwrap();
    for (member, was, is) in [
        ("meaning", "plan", "completion"),
        ("action", "assign", "close"),
        ("from_status", "pending_approval", "completed"),
        ("to_status", "assigned", "closed"),
        ("covers", "plan", "result"),
    ] {
        assert_eq!(plan.said()[member], json!(was));
        if member != "covers" {
            assert_eq!(completion.said()[member], json!(is));
        }
    }
    let tried = company.hand_in("owner", &completion, &signature);
    refused(tried, "42501", "signature_invalid");
}

#[test]
fn row_18_a_signature_does_not_answer_for_another_tenant() {
    let desk = Desk::set();
    let company = &desk.company;
    // The same person, with the same key or, where that is refused, another.
    company.run(
        ROOT,
        "select wo.create_tenant('rival', 'Rival', default_lifecycle => 'regulated_change')",
    );
    company.database.login("rival_planner", &["wo_user"]);
    let rival: uuid::Uuid =
        company.one(ROOT, "select tenant_id from wo.tenant where slug = 'rival'");
    let key = wo_cli::public_key(&company.key("owner").verifying_key());
    company.run(
        ROOT,
        &format!(
            "begin; select wo.administer('rival');
             select wo.trust_issuer(issuer, key_id, encode(public_key, 'hex'))
             from wo.trusted_issuer where tenant_id = '{}';
             select wo.create_principal('owner', roles => '{{system_owner, planner}}');
             select wo.create_principal('rival_planner', roles => '{{planner}}', db_role => 'rival_planner');
             select wo.enroll_signing_key('owner', '{key}', 'passport seen');
             commit",
            company.tenant
        ),
    );
    let number: String = company.one(
        "rival_planner",
        "select wo.create_work_order('Mend the pump', description => 'It leaks.',
            regulatory => true) ->> 'wo_number'",
    );
    company.transition("rival_planner", &number, "pending_approval");

    let as_rival = |act: &dyn Fn(&mut Transaction<'_>)| {
        let mut request = company.token_request("owner");
        request.tenant = rival;
        let token = company.token_for(&request);
        company.with(SERVICE, |service| {
            let mut transaction = service.transaction().unwrap();
            transaction.execute("select wo.authenticate($1)", &[&token]).unwrap();
            act(&mut transaction);
            // Not after a refusal.
            let _ = transaction.commit();
        });
    };
    let asked = RefCell::new(None);
    as_rival(&|transaction| {
        let ask = Ask::approve(&number, "system_owner", "plan");
        asked.replace(Some(ask.on(transaction).unwrap()));
    });
    let asked = asked.take().unwrap();
    assert_eq!(asked.said()["tenant_id"], json!(rival.to_string()));
    as_rival(&|transaction| {
        refused(asked.answer(transaction, &desk.signature), "42501", "signature_invalid");
    });
    // One tenant's work orders and challenges are nothing to the other.
    as_rival(&|transaction| {
        let foreign = company.id(&desk.number).to_string();
        let asked = Ask::approve(&foreign, "system_owner", "plan").on(transaction);
        refused(asked, "22023", "work_order_unknown");
    });
    as_rival(&|transaction| {
        let tried = desk.challenge.answer(transaction, &desk.signature);
        refused(tried, "22023", "challenge_unknown");
    });
    let tried = company.sign("owner", &asked);
    refused(tried, "22023", "challenge_unknown");
}

#[test]
fn row_18_no_application_role_writes_a_signature_by_hand() {
    let desk = Desk::signed();
    let company = &desk.company;
    let other = company.id(&desk.other);
    let before: String = company.one(
        ROOT,
        "select md5(string_agg(held::text, '' order by held.id)) from wo.approval as held",
    );
    let columns: String = company.one(
        ROOT,
        "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
         where attrelid = 'wo.approval'::regclass and attnum > 0 and not attisdropped",
    );
    let pasted = columns.replace("work_order_id", &format!("'{other}'"));
    let writes = [
        format!("insert into wo.approval ({columns}) select {pasted} from wo.approval"),
        format!("insert into wo.approval ({columns}) select {columns} from wo.approval"),
        format!("update wo.approval set work_order_id = '{other}'"),
        "update wo.approval set role = 'qa'".to_owned(),
        "update wo.approval set meaning = 'completion'".to_owned(),
        "update wo.approval set record_version = record_version + 1".to_owned(),
        "update wo.approval set decision = 'rejected'".to_owned(),
        "update wo.approval set signer = 'qa'".to_owned(),
        "update wo.approval set voided_at = now()".to_owned(),
        "update wo.approval set amended_at = null".to_owned(),
        "update wo.signature_challenge set signer = 'qa'".to_owned(),
        "delete from wo.approval".to_owned(),
        "delete from wo.signature_challenge".to_owned(),
        "truncate wo.approval".to_owned(),
        "insert into wo.approval select * from wo.approval on conflict do nothing".to_owned(),
    ];
    for login in ["owner", "qa", "planner", "stranger", "admin"] {
        for write in &writes {
            let tried = company.with(login, |client| client.batch_execute(write));
            assert_eq!(db_error(tried).code().code(), "42501", "{login}: {write}");
        }
    }
    for write in &writes {
        let tried = company.acting("owner", |acting| acting.batch_execute(write));
        assert_eq!(db_error(tried).code().code(), "42501", "by token: {write}");
    }
    let after: String = company.one(
        ROOT,
        "select md5(string_agg(held::text, '' order by held.id)) from wo.approval as held",
    );
    assert_eq!(after, before);
    company.assert_intact();
}

#[test]
fn row_18_a_signature_that_a_superuser_moves_is_found() {
    let desk = Desk::signed();
    for change in [
        "role = 'qa'",
        "meaning = 'completion'",
        "action = 'close'",
        "from_status = 'completed'",
        "to_status = 'closed'",
        "record_version = record_version + 1",
        "signer = 'owner_2'",
        "printed_name = 'Somebody Else'",
        "on_behalf_of = 'owner_2'",
        "payload = replace(payload, '\"role\":\"system_owner\"', '\"role\":\"qa\"')",
        "content_sha256 = set_byte(content_sha256, 0, get_byte(content_sha256, 0) # 1)",
        "signature = set_byte(signature, 0, get_byte(signature, 0) # 1)",
    ] {
        let change = format!("update wo.approval set {change}");
        println!("{change}");
        desk.is_found(&desk.number, |transaction| {
            behind_the_back(transaction, "wo.approval", &change);
        });
    }
}

#[test]
fn row_18_a_signature_that_a_superuser_pastes_is_found() {
    let desk = Desk::signed();
    let other = desk.company.id(&desk.other);
    let columns: String = desk.company.one(
        ROOT,
        "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
         where attrelid = 'wo.approval'::regclass and attnum > 0 and not attisdropped",
    );
    let pasted = columns.replace("work_order_id", &format!("'{other}'"));
    let fresh = format!(", {pasted}").replace(", id,", ", gen_random_uuid(),");
    for values in [pasted.as_str(), fresh.trim_start_matches(", ")] {
        let paste = format!("insert into wo.approval ({columns}) select {values} from wo.approval");
        let moved = format!("update wo.approval set work_order_id = '{other}'");
        for sql in [&paste, &moved] {
            // One key may not stand twice, wherever it is pasted.
            if sql.contains("insert") && values == pasted {
                continue;
            }
            desk.is_found(&desk.other, |transaction| {
                behind_the_back(transaction, "wo.approval", sql);
            });
        }
    }
    // Taken away from where it was, it is missed there.
    let moved = format!("update wo.approval set work_order_id = '{other}'");
    desk.is_found(&desk.number, |transaction| {
        behind_the_back(transaction, "wo.approval", &moved);
    });
}

#[test]
fn row_18_a_signature_that_a_superuser_removes_is_missed() {
    let desk = Desk::signed();
    desk.is_found(&desk.number, |transaction| {
        behind_the_back(transaction, "wo.approval", "delete from wo.approval");
    });
    let told = format!(
        "delete from wo.audit_entry where action = 'signed' and subject_id = '{}'",
        desk.company.id(&desk.number)
    );
    desk.is_found(&desk.number, |transaction| {
        behind_the_back(transaction, "wo.approval", "delete from wo.approval");
        behind_the_back(transaction, "wo.audit_entry", &told);
    });
}

/// A superuser who knows the format of the trail writes it anew, so that every hash is right and
/// the record agrees with it. What they cannot make is the signature.
#[test]
fn row_18_a_forged_signature_is_found_though_the_whole_trail_is_forged_with_it() {
    let desk = Desk::signed();
    let id = desk.company.id(&desk.number);
    let value = "select (told.changes -> ('approval:' || held.id) -> 'new')::text
        from wo.audit_entry as told, wo.approval as held where told.action = 'signed'";
    let kept: String = desk.company.one(ROOT, value);
    let mut missed = Vec::new();
    for (column, was, is) in [
        ("role", "\"system_owner\"", "\"qa\""),
        ("meaning", "\"plan\"", "\"completion\""),
        ("signer", "\"owner\"", "\"owner_2\""),
        ("printed_name", "\"The owner\"", "\"The owner 2\""),
        ("action", "\"assign\"", "\"close\""),
        ("from_status", "\"pending_approval\"", "\"completed\""),
        ("to_status", "\"assigned\"", "\"closed\""),
        ("covers", "\"plan\"", "\"result\""),
        ("decision", "\"approved\"", "\"rejected\""),
        ("time_zone", "\"UTC\"", "\"Asia/Kolkata\""),
    ] {
        for with_payload in [false, true] {
            let escaped = |text: &str| text.replace('"', "\\\"");
            let (member, new) = (format!("\"{column}\":{was}"), format!("\"{column}\":{is}"));
            assert_eq!(kept.matches(&member).count(), 1, "{member} in {kept}");
            let mut forged = kept.replace(&member, &new);
            let mut set = format!("{column} = '{}'", is.trim_matches('"'));
            if with_payload {
                forged = forged.replace(&escaped(&member), &escaped(&new));
                set.push_str(&format!(", payload = replace(payload, '{member}', '{new}')"));
            }
            let (found, offline) = desk.after(&desk.number, |transaction| {
                behind_the_back(transaction, "wo.approval", &format!("update wo.approval set {set}"));
                let tell = format!(
                    "update wo.audit_entry set changes = replace(changes::text, '{kept}', '{forged}')::json
                     where action = 'signed' and subject_id = '{id}'"
                );
                behind_the_back(transaction, "wo.audit_entry", &tell);
                rehash(transaction, id);
            });
            if !found.iter().any(|one| one.1 == desk.number) {
                missed.push(format!("wo.verify_audit misses: {set}"));
            }
            if offline.is_empty() {
                missed.push(format!("the offline verifier misses: {set}"));
            }
        }
    }
    assert_eq!(missed, [""; 0]);
}
