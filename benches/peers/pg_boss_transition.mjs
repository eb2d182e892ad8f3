// fetch, complete and send of an event, from so many loops: pg_boss_transition.mjs CLIENTS SECONDS.
// Prints how many ended while it was measured, after a second of warming up, and in all.
import { createRequire } from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const PgBoss = require('pg-boss');

const [clients, seconds] = process.argv.slice(2).map(Number);
const { PGHOST, PGPORT, PGUSER, PGDATABASE } = process.env;
const boss = new PgBoss({
    host: PGHOST,
    port: Number(PGPORT),
    user: PGUSER,
    database: PGDATABASE,
    max: clients,
    supervise: false,
    schedule: false,
});
await boss.start();
for (const queue of ['work', 'moved']) await boss.createQueue(queue);
const backlog = Array.from({ length: 4000 }, () => ({ name: 'work', data: { work_order: 'B-1-1' } }));
await boss.insert(backlog);
let total = 0;
let acts = 0;
const start = performance.now();
const stop = start + (1 + seconds) * 1000;
const act = async () => {
    while (performance.now() < stop) {
        const [job] = await boss.fetch('work');
        if (!job) throw new Error('the queue is empty');
        await boss.complete('work', job.id);
        await boss.send('moved', { status: 'blocked' });
        const end = performance.now();
        total += 1;
        if (end >= start + 1000 && end < stop) acts += 1;
    }
};
await Promise.all(Array.from({ length: clients }, act));
console.log(JSON.stringify({ acts, seconds, total }));
await boss.stop({ graceful: false });
