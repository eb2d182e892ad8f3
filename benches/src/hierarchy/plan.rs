//! The time for each work order of a plan, as plans grow.

use wo_cluster_tests::Cluster;

use super::{PART, create, plan_of, tenant};
use crate::figure::{Book, Figure, Target};
use crate::measure::timed;
use crate::options::Options;
use wo_cluster_tests::Chance;

const SIZES: [usize; 3] = [100, 1_000, 10_000];
const STEPS: [&str; 3] = ["wo.create_from_plan", "wo.critical_path", "wo.ready_work_orders"];
const TARGET: Target = Target::AtMost(2.0);

pub fn measure(book: &mut Book, options: &Options, cluster: &Cluster) {
    let db = tenant(cluster, options);
    let mut client = db.connect("captain");
    let mut chance = Chance::new(1);
    create(&mut client, &plan_of(&mut chance, 1_000, usize::MAX));
    db.superuser().batch_execute("vacuum analyze").unwrap();
    let mut times = vec![vec![Vec::new(); SIZES.len()]; STEPS.len()];
    for _ in 0..options.rounds.min(5) {
        for (column, size) in SIZES.into_iter().enumerate() {
            let mut keep = |row: usize, seconds: f64| {
                let each: &mut Vec<f64> = &mut times[row][column];
                each.push(seconds / size as f64 * 1e6);
            };
            let plan = plan_of(&mut chance, size, usize::MAX);
            let (made, master) = timed(|| create(&mut client, &plan));
            keep(0, made);
            for (row, call) in STEPS.iter().enumerate().skip(1) {
                let sql = format!("select * from {call}($1)");
                let (read, rows) = timed(|| client.query(&sql, &[&master]).unwrap());
                assert!(!rows.is_empty() && (row > 1 || rows.len() == size), "{call}");
                keep(row, read);
            }
        }
    }
    for (step, columns) in STEPS.into_iter().zip(times) {
        for (size, each) in SIZES.into_iter().zip(&columns).skip(1) {
            let name = format!("{step}, each of {size}");
            let judged = (size == SIZES[2]).then_some(TARGET);
            let figure = Figure::new(name, "µs", each).against("each of 100", each, &columns[0]);
            book.add(PART, figure.must(judged));
        }
    }
}
