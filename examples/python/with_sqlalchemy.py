"""Work orders from Python with SQLAlchemy."""

import json
import time
import uuid

from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from keys import PAUSES, RETRIED, sign, token

# The connection is in the variables of libpq: PGHOST, PGDATABASE, PGUSER.
engine = create_engine("postgresql+psycopg://", connect_args={"options": "-c lock_timeout=500ms"})


def act(who, sql, **values):
    """The rows of one statement in a transaction of somebody's, which is run again while others are in the way."""
    for pause in (*PAUSES, None):
        try:
            with engine.begin() as connection:
                connection.execute(text("select wo.authenticate(:token)"), {"token": token(who)})
                return connection.execute(text(sql), values).all()
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state not in RETRIED or pause is None:
                raise
            print(f"{state}, once more")
            time.sleep(pause)


def transition(number, status, reason):
    sql = "select wo.transition(:number, :status, :reason) ->> 'status'"
    print("moved to", act("robot", sql, number=number, status=status, reason=reason)[0][0])


def sign_plan(number, who, role):
    ask = "select challenge, payload from wo.request_signature(:number, :role, 'plan')"
    [(challenge, payload)] = act(who, ask, number=number, role=role)
    give = "select wo.sign(:challenge, :signature)"
    [(given,)] = act(who, give, challenge=challenge, signature=sign(who, payload))
    print(given["role"], "signed as", given["meaning"])


def process_events():
    act("robot", "select wo.create_consumer('sqlalchemy')")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as listening:
        listening.execute(text("listen wo_event"))
        psycopg_connection = listening.connection.driver_connection
        fetch = "select position, event from wo.fetch_events('sqlalchemy', 100) order by position"
        while True:
            events = act("robot", fetch)
            if events:
                # Here they are processed. What is acknowledged does not come again.
                act("robot", "select wo.acknowledge('sqlalchemy', :last)", last=events[-1].position)
                print("processed", len(events), "events")
            # A service waits for ever; the example ends when nothing happens for a second.
            elif not list(psycopg_connection.notifies(timeout=1, stop_after=1)):
                return


# The key is made before the first try: another try returns the same work order.
created = act(
    "robot",
    """select wo.create_work_order('Update the workstation', 'Windows 10 to 11', assignee => 'mira',
        regulatory => true, idempotency_key => :key) ->> 'wo_number'""",
    key=str(uuid.uuid4()),
)
number = created[0][0]
print("created", number)
transition(number, "pending_approval", "Windows 10 has ended")
sign_plan(number, "olga", "system_owner")
sign_plan(number, "quinn", "qa")
transition(number, "assigned", "let us start")

orders = [{"title": "Check the printer"}, {"title": "Check the scanner"}, {"titel": "Check the fax"}]
many = "select error from wo.create_work_orders(cast(:orders as jsonb)) order by ordinal"
for (error,) in act("robot", many, orders=json.dumps(orders)):
    print("bulk:", error["message"] if error else "created")
process_events()
