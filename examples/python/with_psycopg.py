"""Work orders from Python with psycopg."""

import json
import time
import uuid

import psycopg

from keys import PAUSES, RETRIED, sign, token


def act(connection, who, work):
    """Runs work in one transaction of somebody's, and again while others are in the way."""
    for pause in (*PAUSES, None):
        try:
            with connection.transaction():
                connection.execute("select wo.authenticate(%s)", (token(who),))
                return work(connection)
        except psycopg.Error as error:
            if error.sqlstate not in RETRIED or pause is None:
                raise
            print(f"{error.sqlstate}, once more")
            time.sleep(pause)


def create(connection):
    # The key is made before the first try: another try returns the same work order.
    key = str(uuid.uuid4())
    create = """select wo.create_work_order('Update the workstation', 'Windows 10 to 11', assignee => 'mira',
        regulatory => true, idempotency_key => %s) ->> 'wo_number'"""
    return act(connection, "robot", lambda c: c.execute(create, (key,)).fetchone()[0])


def transition(connection, number, status, reason):
    move = "select wo.transition(%s, %s, %s) ->> 'status'"
    done = act(connection, "robot", lambda c: c.execute(move, (number, status, reason)).fetchone())
    print("moved to", done[0])


def sign_plan(connection, number, who, role):
    ask = "select challenge, payload from wo.request_signature(%s, %s, 'plan')"
    challenge, payload = act(connection, who, lambda c: c.execute(ask, (number, role)).fetchone())
    give = (challenge, sign(who, payload))
    given = act(connection, who, lambda c: c.execute("select wo.sign(%s, %s)", give).fetchone()[0])
    print(given["role"], "signed as", given["meaning"])


def create_many(connection):
    orders = [{"title": "Check the printer"}, {"title": "Check the scanner"}, {"titel": "Check the fax"}]
    create = "select error from wo.create_work_orders(%s::jsonb) order by ordinal"
    rows = act(connection, "robot", lambda c: c.execute(create, (json.dumps(orders),)).fetchall())
    for (error,) in rows:
        print("bulk:", error["message"] if error else "created")


def process_events(connection):
    act(connection, "robot", lambda c: c.execute("select wo.create_consumer('psycopg')"))
    connection.execute("listen wo_event")
    fetch = "select position, event from wo.fetch_events('psycopg', 100) order by position"
    while True:
        events = act(connection, "robot", lambda c: c.execute(fetch).fetchall())
        if events:
            # Here they are processed. What is acknowledged does not come again.
            last = events[-1][0]
            act(connection, "robot", lambda c: c.execute("select wo.acknowledge('psycopg', %s)", (last,)))
            print("processed", len(events), "events")
        # A service waits for ever; the example ends when nothing happens for a second.
        elif not list(connection.notifies(timeout=1, stop_after=1)):
            return


with psycopg.connect(autocommit=True, options="-c lock_timeout=500ms") as connection:
    number = create(connection)
    print("created", number)
    transition(connection, number, "pending_approval", "Windows 10 has ended")
    sign_plan(connection, number, "olga", "system_owner")
    sign_plan(connection, number, "quinn", "qa")
    transition(connection, number, "assigned", "let us start")
    create_many(connection)
    process_events(connection)
