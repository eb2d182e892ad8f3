//! Where the boxes and lines of a picture lie.
//!
//! Boxes stand in columns, each to the right of what it waits for. A line that passes a column
//! takes a place of its own there, so that it runs behind no box; lines of a kind to the same box
//! share theirs, so that a master with many children is reached by one line.

use std::collections::{BTreeMap, BTreeSet};

use super::super::network::{Link, LinkKind};
use super::{DrawnLink, Picture};

pub(super) const BOX_WIDTH: f64 = 230.0;
pub(super) const BOX_HEIGHT: f64 = 66.0;
const COLUMN_GAP: f64 = 72.0;
const BOX_GAP: f64 = 20.0;
const LINE_GAP: f64 = 14.0;
/// After this many rounds a picture hardly changes.
const ROUNDS: usize = 12;
/// With more places for passing lines than this nobody can follow them, and they take long to sort:
/// the lines then run straight, behind the boxes.
const MOST_PLACES: usize = 20_000;

#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// What of a link is drawn for itself: up to where another link to the same box goes on.
pub(super) struct Route {
    pub(super) points: Vec<Point>,
    /// Whether it is drawn up to its box.
    pub(super) arrives: bool,
}

pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// By the index of the link in the picture.
    pub(super) routes: Vec<Route>,
    corners: Vec<Point>,
}

impl Layout {
    pub(super) fn of(picture: &Picture) -> Self {
        let mut grid = Grid::of(picture);
        grid.sort();
        grid.settle();
        let tasks = picture.network.tasks.len();
        let corner = |item: usize| Point {
            x: x_of(grid.column_of[item]),
            y: grid.y[item] - grid.height(item) / 2.0,
        };
        let bottom = |item: usize| grid.y[item] + grid.height(item) / 2.0;
        let columns = to_f64(grid.columns.len());
        Self {
            width: (columns * (BOX_WIDTH + COLUMN_GAP) - COLUMN_GAP).max(0.0),
            height: (0..grid.y.len()).map(bottom).fold(0.0, f64::max),
            routes: grid.routes(),
            corners: (0..tasks).map(corner).collect(),
        }
    }

    pub(super) fn corner(&self, task: usize) -> Point {
        self.corners[task]
    }
}

fn x_of(column: usize) -> f64 {
    to_f64(column) * (BOX_WIDTH + COLUMN_GAP)
}

fn to_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Items in columns: first one box for each task, then the places of passing lines.
struct Grid {
    boxes: usize,
    column_of: Vec<usize>,
    /// The items of each column, from above.
    columns: Vec<Vec<usize>>,
    /// The items that each link passes, from its source to its target.
    passes: Vec<Vec<usize>>,
    /// What each item is joined to in the column before, and in the one after.
    joined: [Vec<Vec<usize>>; 2],
    /// The middle of each item.
    y: Vec<f64>,
}

impl Grid {
    fn of(picture: &Picture) -> Self {
        let column_of = columns(picture);
        let boxes = column_of.len();
        let mut grid = Self {
            boxes,
            column_of,
            columns: Vec::new(),
            passes: Vec::new(),
            joined: [Vec::new(), Vec::new()],
            y: Vec::new(),
        };
        let mut places = BTreeMap::new();
        let passed = |link: &Link, column_of: &[usize]| {
            column_of[link.from] + 1..column_of[link.to].max(column_of[link.from] + 1)
        };
        let links = picture.links.iter();
        let passing: usize = links.map(|drawn| passed(&drawn.link, &grid.column_of).len()).sum();
        let straight = passing > MOST_PLACES;
        for DrawnLink { link, critical } in &picture.links {
            let mut passes = vec![link.from];
            let columns = passed(link, &grid.column_of);
            for column in if straight { 0..0 } else { columns } {
                let master = link.kind == LinkKind::FinishToFinish;
                let place = places.entry((link.to, master, *critical, column));
                passes.push(*place.or_insert_with(|| {
                    grid.column_of.push(column);
                    grid.column_of.len() - 1
                }));
            }
            passes.push(link.to);
            grid.passes.push(passes);
        }
        let items = grid.column_of.len();
        grid.y = vec![0.0; items];
        grid.columns = vec![Vec::new(); grid.column_of.iter().max().map_or(0, |last| last + 1)];
        for (item, column) in grid.column_of.iter().enumerate() {
            grid.columns[*column].push(item);
        }
        let pairs: BTreeSet<(usize, usize)> = grid
            .passes
            .iter()
            .flat_map(|passes| passes.windows(2))
            .map(|pair| (pair[0], pair[1]))
            .filter(|(left, right)| grid.column_of[*left] < grid.column_of[*right])
            .collect();
        grid.joined = [vec![Vec::new(); items], vec![Vec::new(); items]];
        for (left, right) in pairs {
            grid.joined[0][right].push(left);
            grid.joined[1][left].push(right);
        }
        grid
    }

    fn height(&self, item: usize) -> f64 {
        if item < self.boxes { BOX_HEIGHT } else { 0.0 }
    }

    /// How far the middles of two neighbours in a column must lie apart.
    fn distance(&self, above: usize, below: usize) -> f64 {
        let lines = above >= self.boxes && below >= self.boxes;
        let gap = if lines { LINE_GAP } else { BOX_GAP };
        (self.height(above) + self.height(below)) / 2.0 + gap
    }

    /// Puts each item of a column near the middle of what it is joined to, to and fro, and keeps
    /// the order with the fewest crossings.
    fn sort(&mut self) {
        let mut rank = vec![0.0; self.y.len()];
        let note = |columns: &[Vec<usize>], rank: &mut Vec<f64>| {
            for column in columns {
                for (place, item) in column.iter().enumerate() {
                    rank[*item] = (to_f64(place) + 0.5) / to_f64(column.len());
                }
            }
        };
        note(&self.columns, &mut rank);
        let mut best = (self.crossings(), self.columns.clone());
        for round in 0..2 * ROUNDS {
            let side = round % 2;
            let mut order: Vec<usize> = (0..self.columns.len()).collect();
            if side == 1 {
                order.reverse();
            }
            for column in order {
                let joined = &self.joined[side];
                let wish = |item: usize| mean(&joined[item], &rank).unwrap_or(rank[item]);
                let mut wishes: Vec<(f64, usize)> =
                    self.columns[column].iter().map(|item| (wish(*item), *item)).collect();
                wishes.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.columns[column] = wishes.into_iter().map(|(_, item)| item).collect();
                note(std::slice::from_ref(&self.columns[column]), &mut rank);
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.columns.clone());
            }
        }
        self.columns = best.1;
    }

    fn crossings(&self) -> usize {
        let mut place = vec![0; self.y.len()];
        for column in &self.columns {
            for (index, item) in column.iter().enumerate() {
                place[*item] = index;
            }
        }
        let between = |column: &Vec<usize>| {
            let mut ends = Vec::new();
            let mut most = 0;
            for item in column {
                let mut right: Vec<usize> =
                    self.joined[1][*item].iter().map(|to| place[*to]).collect();
                right.sort_unstable();
                most = most.max(right.last().map_or(0, |last| last + 1));
                ends.extend(right);
            }
            inversions(&ends, most)
        };
        self.columns.iter().map(between).sum()
    }

    /// Draws each item towards the height of what it is joined to, as far as its neighbours in the
    /// column leave room.
    fn settle(&mut self) {
        for column in self.columns.clone() {
            let mut y = 0.0;
            let mut above = None;
            for item in column {
                y += above.map_or(0.0, |above| self.distance(above, item));
                self.y[item] = y;
                above = Some(item);
            }
        }
        // Columns start out centred on one another.
        for column in &self.columns {
            let middle = column.last().map_or(0.0, |last| self.y[*last]) / 2.0;
            for item in column {
                self.y[*item] -= middle;
            }
        }
        for round in 0..ROUNDS {
            let mut order: Vec<usize> = (0..self.columns.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for column in order {
                let wishes: Vec<f64> = self.columns[column]
                    .iter()
                    .map(|item| {
                        let sides = [0, 1].map(|side| mean(&self.joined[side][*item], &self.y));
                        match sides {
                            [Some(left), Some(right)] => (left + right) / 2.0,
                            [left, right] => left.or(right).unwrap_or(self.y[*item]),
                        }
                    })
                    .collect();
                self.place(column, &wishes);
            }
        }
        let top = |item: usize| self.y[item] - self.height(item) / 2.0;
        let highest = (0..self.y.len()).map(top).fold(f64::INFINITY, f64::min);
        for y in &mut self.y {
            *y -= highest;
        }
    }

    /// Places the items of a column as near to their wishes as their order and distances allow.
    fn place(&mut self, column: usize, wishes: &[f64]) {
        let items = self.columns[column].clone();
        // Items that push one another form a block: its first item, their number, and the sum of
        // the places of the first that would suit each.
        let mut blocks: Vec<(usize, f64, f64)> = Vec::new();
        let mut offsets = Vec::with_capacity(items.len());
        let mut offset = 0.0;
        for (index, item) in items.iter().enumerate() {
            if let Some(above) = index.checked_sub(1) {
                offset += self.distance(items[above], *item);
            }
            offsets.push(offset);
            let mut block = (index, 1.0, wishes[index] - offset);
            while let Some(above) = blocks.pop_if(|above| above.2 / above.1 >= block.2 / block.1) {
                block = (above.0, above.1 + block.1, above.2 + block.2);
            }
            blocks.push(block);
        }
        let mut blocks = blocks.into_iter().peekable();
        let mut start = 0.0;
        for (index, item) in items.iter().enumerate() {
            if let Some(block) = blocks.next_if(|block| block.0 == index) {
                start = block.2 / block.1;
            }
            self.y[*item] = start + offsets[index];
        }
    }

    fn routes(&self) -> Vec<Route> {
        let mut drawn = BTreeSet::new();
        let mut routes = Vec::with_capacity(self.passes.len());
        for passes in &self.passes {
            let mut points = Vec::new();
            let mut arrives = true;
            for (index, item) in passes.iter().enumerate() {
                let x = x_of(self.column_of[*item]);
                let y = self.y[*item];
                let (is_first, is_last) = (index == 0, index + 1 == passes.len());
                if !is_first {
                    points.push(Point { x, y });
                }
                if !is_first && !is_last && !drawn.insert(*item) {
                    arrives = false;
                    break;
                }
                if !is_last {
                    points.push(Point { x: x + BOX_WIDTH, y });
                }
            }
            routes.push(Route { points, arrives });
        }
        routes
    }
}

fn mean(of: &[usize], values: &[f64]) -> Option<f64> {
    let sum: f64 = of.iter().map(|item| values[*item]).sum();
    (!of.is_empty()).then(|| sum / to_f64(of.len()))
}

/// How many pairs of the numbers below `most` stand in the wrong order.
fn inversions(numbers: &[usize], most: usize) -> usize {
    // A Fenwick tree of the numbers met so far.
    let mut met = vec![0_usize; most + 1];
    let mut inversions = 0;
    for (before, number) in numbers.iter().enumerate() {
        let mut not_above = 0;
        let mut node = number + 1;
        while node > 0 {
            not_above += met[node];
            node &= node - 1;
        }
        inversions += before - not_above;
        node = number + 1;
        while node <= most {
            met[node] += 1;
            node += node & node.wrapping_neg();
        }
    }
    inversions
}

/// The column of each task: the number of links on the longest way to it, or further to the right
/// where that column is full.
fn columns(picture: &Picture) -> Vec<usize> {
    let count = picture.network.tasks.len();
    // A cycle cannot be drawn from left to right; its links then lead back as they must.
    let order = picture.network.order().unwrap_or_else(|_| (0..count).collect());
    let mut place = vec![0; count];
    for (index, task) in order.iter().enumerate() {
        place[*task] = index;
    }
    let mut sources = vec![Vec::new(); count];
    for DrawnLink { link, .. } in &picture.links {
        if place[link.from] < place[link.to] {
            sources[link.to].push(link.from);
        }
    }
    let full = 6.max((count * 9 / 4).isqrt());
    let mut columns = vec![0; count];
    let mut taken: Vec<usize> = Vec::new();
    for task in order {
        let first = sources[task].iter().map(|from| columns[*from] + 1).max().unwrap_or(0);
        let free = taken.iter().skip(first).position(|taken| *taken < full);
        let column = free.map_or(taken.len().max(first), |free| first + free);
        if taken.len() <= column {
            taken.resize(column + 1, 0);
        }
        taken[column] += 1;
        columns[task] = column;
    }
    columns
}
