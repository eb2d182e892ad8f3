// Jobs that each add a job for their event, by a worker that does so many at once:
// graphile_worker_transition.mjs CLIENTS SECONDS. Prints how many ended while it was measured, after
// a second of warming up, and in all.
import { createRequire } from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const { run, runMigrations, Logger } = require('graphile-worker');
const { Pool } = require('pg');

const [clients, seconds] = process.argv.slice(2).map(Number);
const pgPool = new Pool({ max: clients + 2 });
const logger = new Logger(() => () => {});
await runMigrations({ pgPool, logger });
const backlog = 4000 * seconds;
await pgPool.query(
    `select graphile_worker.add_job('move', '{"work_order":"B-1-1"}') from generate_series(1, $1
        - (select count(*) from graphile_worker.jobs where task_identifier = 'move'))`,
    [backlog],
);
const ends = [];
const event = `select graphile_worker.add_job('moved', '{"status":"blocked"}')`;
const move = async (_, helpers) => {
    await helpers.query(event);
    ends.push(performance.now());
};
const start = performance.now();
const runner = await run({
    pgPool,
    logger,
    concurrency: clients,
    noHandleSignals: true,
    taskList: { move },
});
await new Promise((done) => setTimeout(done, (1 + seconds) * 1000));
const stop = performance.now();
await runner.stop();
const acts = ends.filter((end) => end >= start + 1000 && end < stop).length;
if (ends.length >= backlog) throw new Error('the queue is empty');
const said = { acts, seconds: (stop - start) / 1000 - 1, total: ends.length };
console.log(JSON.stringify(said));
await pgPool.end();
