#!/usr/bin/env python3
"""Verifies an evidence package of wo_core without wo_core and without its database.

    python3 verify_evidence.py PACKAGE.json

The program is written from the section "how_to_verify" of the package alone. It needs nothing but the
standard library of Python 3.8 or later. It prints one line for each problem and ends with status 1, or
prints INTACT and ends with status 0. It verifies hashes, the chain, the record, the content that valid
signatures cover, the signatures, and the proofs of the ledger. It does not decide whether the keys belong
to the people whose names stand beside them: compare their fingerprints (key_id) with another source, and
the checkpoint with a witness.
"""

import base64
import hashlib
import json
import sys

PLAN = """id wo_number lifecycle title description priority project requester originator source regulatory
    asset task_type due_date planned_start planned_end estimated_hours tags acceptance_criteria deliverables master_id
    required""".split()
RESULT = "actual_start actual_end actual_hours completion_summary".split()
CHILD_RECORDS = {"plan": ["release_item:", "work_order_job_plan"], "result": ["release_item:", "work_order_job_plan", "step_result:", "deliverable:", "deliverable_review:", "document_version:"]}
METADATA = {"type": "metadata.type", "cost": "metadata.cost"}
ENTRY = """action actor application authenticated_by changes client_address from_status login_role
    previous_hash reason record_version recorded_at sequence subject subject_id tenant_id to_status
    transaction_id""".split()
SECTIONS = """made tenant work_order child_records lifecycle master children dependencies signatures signing_keys
    delegations principals findings refused_attempts trail ledger concepts how_to_verify""".split()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def jcs(value):
    """JCS (RFC 8785) of strings, small integers, null, lists and objects, which is all that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def unique(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError("a name stands twice in an object")
    return dict(pairs)


DECODER = json.JSONDecoder(object_pairs_hook=unique)


def members(text):
    """The members of a JSON object, each value as the very text that stands there."""
    found, at = {}, text.index("{") + 1
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "}":
            return found
        name, at = DECODER.raw_decode(text, at)
        while text[at] in " \t\r\n:":
            at += 1
        _, end = DECODER.raw_decode(text, at)
        if name in found:
            raise ValueError(f"the name {name!r} stands twice in an object")
        found[name] = text[at:end]
        at = end


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# Ed25519 (RFC 8032), verification only.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def decode(data):
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if len(data) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(public_key, message, signature):
    """Strict: no point of small order, no scalar out of range."""
    if len(signature) != 64:
        return False
    key, point = decode(public_key), decode(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or point is None or scalar >= L:
        return False
    identity = (0, 1, 1, 0)
    if same(multiply(8, key), identity) or same(multiply(8, point), identity):
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % L
    return same(multiply(scalar, BASE), add(point, multiply(challenge, key)))


class Package:
    def __init__(self, text):
        self.problems = []
        self.sections = self.take_apart(text)

    def check(self, holds, problem):
        if not holds:
            self.problems.append(problem)
        return holds

    def take_apart(self, text):
        """Each section's text. The package is read in its one spelling, so that no byte is left out."""
        outer = members(text)
        self.check(list(outer) == ["format", "made_at", "manifest", "manifest_sha256", "sections"], "these are not the members of a package")
        self.check(json.loads(outer["format"]) == "wo_core.evidence.v1", "the format is another one")
        manifest, sections = json.loads(outer["manifest"]), members(outer["sections"])
        self.check(list(manifest) == SECTIONS and list(sections) == SECTIONS, "these are not the sections of a package")
        before = text.index(',"manifest_sha256":')
        self.check(sha256(text[:before].encode()) == json.loads(outer["manifest_sha256"]), "manifest_sha256 does not hold")
        for name, section in sections.items():
            self.check(sha256(section.encode()) == manifest.get(name), f"section {name}: its bytes are not those of the manifest")
        rebuilt = "{" + ",".join(f'"{name}":{value}' for name, value in outer.items() if name != "sections")
        rebuilt += ',"sections":{' + ",".join(f'"{name}":{value}' for name, value in sections.items()) + "}}"
        self.check(rebuilt == text, "the package is not in its one spelling: take the original bytes")
        return sections

    def value(self, name):
        return DECODER.decode(self.sections[name])

    def verify(self):
        self.order = self.value("work_order")
        self.tenant = self.value("tenant")["tenant_id"]
        self.record = members(members(self.sections["work_order"])["record"])
        self.children = members(self.sections["child_records"])
        self.verify_trail()
        self.verify_signatures()
        self.verify_ledger()

    def verify_trail(self):
        previous, sequence, values = "0" * 64, 0, {}
        status = version = changed_at = None
        self.hashes = {}
        trail = self.value("trail")
        self.check(trail, "the trail is empty")
        for entry in trail:
            place = f"entry {entry['sequence']}"
            self.check(entry["sequence"] == sequence + 1, f"{place}: it is missing or out of order")
            self.check(entry["previous_hash"] == previous, f"{place}: it does not follow the one before it")
            own = {"format": "wo_core.audit_entry.v1", **{name: entry[name] for name in ENTRY}}
            self.check(sha256(jcs(own)) == entry["entry_hash"], f"{place}: its content is not what was hashed")
            whose = (entry["tenant_id"], entry["subject"], entry["subject_id"])
            self.check(whose == (self.tenant, "work_order", self.order["id"]), f"{place}: it is of another record")
            for name, change in members(entry["changes"]).items():
                change = members(change)
                self.check(change.get("old") == values.get(name), f"{place}: the old value of {name} is not what was left")
                values.pop(name, None)
                if "new" in change:
                    values[name] = change["new"]
            if entry["from_status"] is not None:
                self.check(entry["from_status"] == status, f"{place}: its from_status is not what was left")
            status = entry["to_status"] if entry["to_status"] is not None else status
            if entry["record_version"] != version:
                version, changed_at = entry["record_version"], entry["recorded_at"]
            previous, sequence = entry["entry_hash"], entry["sequence"]
            self.hashes[sequence] = bytes.fromhex(previous)
        left = {"chain_hash": previous, "chain_sequence": sequence, "status": status, "version": version, "updated_at": changed_at}
        for name, value in left.items():
            self.check(self.order[name] == value, f"the work order's {name} is not what the trail left")
        held = {**self.record, **self.children}
        for name in sorted(set(held) | set(values)):
            self.check(held.get(name) == values.get(name), f"{name} is not what the trail left")
        for name in ("id", "wo_number", "locked_at"):
            self.check(self.record.get(name, "null") == json.dumps(self.order[name]), f"the work order's {name} is not that of its record")

    def content_sha256(self, covers):
        columns = PLAN + (RESULT if covers == "result" else [])
        values = {name: self.record[name] for name in columns if name in self.record}
        metadata = members(self.record.get("metadata", "{}"))
        values.update({METADATA[name]: metadata[name] for name in METADATA if name in metadata})
        content = {"covers": covers, "format": "wo_core.content.v1", "tenant_id": self.tenant, "values": values}
        covered = {name: text for name, text in self.children.items() if name.startswith(tuple(CHILD_RECORDS[covers]))}
        if covered:
            content["child_records"] = covered
        if covered or "task_type" in values:
            content["format"] = "wo_core.content.v2"
        return sha256(jcs(content))

    def verify_signatures(self):
        keys = {key["key_id"]: key for key in self.value("signing_keys")}
        parts = {child["id"]: child for child in self.value("children")}
        shown = set()
        for one in self.value("signatures"):
            name = f"signature {one['approval']}"
            shown.add(f"approval:{one['approval']}")
            public_key, payload = unpadded(one["public_key"]), one["payload"].encode()
            said = json.loads(payload)
            self.check(jcs(said) == payload, f"{name}: its payload is not in its one form")
            self.check(signed(public_key, payload, unpadded(one["signature"])), f"{name}: it does not hold under its public key")
            fingerprint = base64.urlsafe_b64encode(hashlib.sha256(public_key).digest()).rstrip(b"=").decode()
            key = keys.get(one["key_id"], {})
            self.check(fingerprint == one["key_id"] and key.get("public_key") == one["public_key"], f"{name}: the key is another one")
            self.check(key.get("principal") == one["signer"], f"{name}: the key is not the signer's")
            for member in "role meaning decision reason signer printed_name on_behalf_of delegation_id key_id action from_status to_status covers time_zone".split():
                self.check(said[member] == one[member], f"{name}: its {member} is not what was signed")
            whose = (said["format"], said["tenant_id"], said["work_order_id"], said["work_order"])
            expected = ("wo_core.signature.v1", self.tenant, self.order["id"], self.order["wo_number"])
            self.check(whose == expected, f"{name}: it was made for something else")
            kept = json.loads(self.children.get(f"approval:{one['approval']}", "{}"))
            self.check(kept.get("content_sha256") == said["content_sha256"] and kept.get("record_version") == said["version"], f"{name}: the trail holds another content")
            self.check(kept.get("signature") == unpadded(one["signature"]).hex(), f"{name}: the trail holds another signature")
            if one["state"] == "valid" and one["decision"] == "approved" and said["waives"] is None:
                self.check(said["content_sha256"] == self.content_sha256(said["covers"]), f"{name}: the content has changed since")
                for child in said["children"]:
                    now = parts.get(child["id"], {}).get(f"content_sha256_{said['covers']}")
                    self.check(now == child["content_sha256"], f"{name}: the part {child['work_order']} has changed since")
        self.verify_acts(keys)
        for name in self.children:
            self.check(not name.startswith("approval:") or name in shown, f"{name} is not among the signatures")

    def verify_acts(self, keys):
        for name, text in self.children.items():
            one = json.loads(text) if name.startswith("act_signature:") else None
            if one is None:
                continue
            key, payload, said = keys.get(one["key_id"], {}), one["payload"].encode(), json.loads(one["payload"])
            public_key = unpadded(key.get("public_key", ""))
            self.check(jcs(said) == payload, f"{name}: its payload is not in its one form")
            self.check(signed(public_key, payload, bytes.fromhex(one["signature"])), f"{name}: it does not hold under its public key")
            self.check(key.get("principal") == one["signer"], f"{name}: the key is not the signer's")
            for member in "kind subject meaning decision role reason signer printed_name key_id content_sha256 time_zone".split():
                self.check(said[member] == one.get(member), f"{name}: its {member} is not what was signed")
            whose = (said["format"], said["tenant_id"], said["work_order_id"], said["work_order"])
            expected = ("wo_core.act_signature.v1", self.tenant, self.order["id"], self.order["wo_number"])
            self.check(whose == expected, f"{name}: it was made for something else")
            self.check(sha256(one["content"].encode()) == one["content_sha256"], f"{name}: its content is another one")
            content = json.loads(one["content"])
            if one["kind"] == "step" and content["result"] is not None:
                held = self.children.get(f"step_result:{content['result']}")
                self.check(held == content["result_record"], f"{name}: the result that was signed is another one")
        for name, text in self.children.items():
            one = json.loads(text) if name.startswith("step_result:") else {}
            if one.get("signature_id") is not None:
                by = json.loads(self.children.get(f"act_signature:{one['signature_id']}", "{}"))
                self.check((by.get("subject"), by.get("signer")) == (one["step"], one["performed_by"]), f"{name}: its signature is not there")

    def verify_ledger(self):
        ledger = self.value("ledger")
        if ledger is None:
            return
        _, size, root = ledger["checkpoint"].split("\n")[:3]
        for proof in ledger["entries"]:
            name = f"the proof of entry {proof['sequence']}"
            entry = self.hashes.get(proof["sequence"])
            if not self.check(entry is not None, f"{name}: there is no such entry"):
                continue
            path = [base64.b64decode(text) for text in proof["hashes"]]
            leaf = hashlib.sha256(b"\0" + entry).digest()
            self.check(included(leaf, proof["leaf_index"], int(size), path, base64.b64decode(root)), f"{name} does not hold")


def included(leaf, index, size, path, root):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        return False
    place, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def main(path):
    sys.setrecursionlimit(10_000)
    with open(path, "rb") as file:
        # psql writes a line break behind the package, which is no part of it.
        text = file.read().decode().removesuffix("\n")
    try:
        package = Package(text)
        package.verify()
        problems = package.problems
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, AttributeError) as error:
        problems = [f"this is no evidence package: {error!r}"]
    for problem in problems:
        print(problem)
    print("NOT INTACT" if problems else f"INTACT: {package.order['wo_number']}, {len(package.hashes)} entries")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
