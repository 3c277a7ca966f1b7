use arpent_engine::*;
use std::time::Instant;
struct Src {
    c: usize,
    w: usize,
    d: Vec<f32>,
}
impl Source for Src {
    fn row(&self, (s, n): (usize, usize), y: usize, (a, b): (usize, usize), to: &mut [f32]) {
        for x in a..b {
            to[(x - a) * n..(x - a + 1) * n].copy_from_slice(&self.d[(y * self.w + x) * self.c + s..][..n]);
        }
    }
}
struct B {
    st: Vec<(u8, usize, usize, usize, usize, Vec<usize>, Activation, bool)>,
}
impl B {
    fn conv(&mut self, f: usize, i: usize, o: usize, k: usize, s: usize, a: Activation) -> usize {
        self.st.push((1, i, o, k, s, vec![f], a, false));
        self.st.len() - 1
    }
    fn dw(&mut self, f: usize, i: usize, k: usize, s: usize, a: Activation) -> usize {
        self.st.push((1, i, i, k, s, vec![f], a, true));
        self.st.len() - 1
    }
    fn other(&mut self, op: u8, k: usize, f: Vec<usize>, a: Activation) -> usize {
        self.st.push((op, 0, 0, k, 0, f, a, false));
        self.st.len() - 1
    }
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let net = a[1].as_str();
    let size: usize = a[2].parse().unwrap();
    let threads: usize = a[3].parse().unwrap();
    let wino: i32 = a[4].parse().unwrap();
    let isa = match a.get(5).map(String::as_str) {
        Some("avx2") => Isa::Avx2,
        Some("portable") => Isa::Portable,
        _ => Isa::best(),
    };
    use Activation::*;
    let mut b = B { st: vec![] };
    let inp = b.other(0, 4, vec![], None);
    if net == "frugal" {
        let (w, n) = ([16, 24, 32, 48, 64], [1, 1, 2, 2, 2]);
        let mut at = inp;
        let mut c = 4;
        let mut given = vec![];
        for l in 0..5 {
            if l > 0 {
                at = b.other(2, 2, vec![at], None);
            }
            for _ in 0..n[l] {
                at = b.conv(at, c, w[l], 3, 1, Relu);
                c = w[l];
            }
            given.push(at);
        }
        given.pop();
        for l in (0..4usize).rev() {
            let o = w[l.saturating_sub(1)];
            let u = b.other(4, 1, vec![at], None);
            let s = given.pop().unwrap();
            let j = b.other(5, 0, vec![u, s], None);
            at = b.conv(j, c + w[l], o, 3, 1, Relu);
            c = o;
        }
        b.conv(at, c, 5, 1, 1, None);
    } else if net == "mb2" {
        let mut at = b.conv(inp, 4, 32, 3, 2, Relu6);
        let mut c = 32;
        let mut given = vec![];
        let mut cs = vec![];
        let mut i = 0;
        for (e, o, n, st) in [
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        ] {
            for k in 0..n {
                let s = if k == 0 { st } else { 1 };
                let keep = at;
                let mut h = at;
                if e != 1 {
                    h = b.conv(h, c, c * e, 1, 1, Relu6);
                }
                h = b.dw(h, c * e, 3, s, Relu6);
                let p = b.conv(h, c * e, o, 1, 1, None);
                at = if s == 1 && c == o { b.other(6, 0, vec![p, keep], None) } else { p };
                c = o;
                if matches!(i, 0 | 2 | 5 | 12) {
                    given.push(at);
                    cs.push(c);
                }
                i += 1;
            }
        }
        at = b.conv(at, 320, 1280, 1, 1, Relu6);
        c = 1280;
        for o in [256, 128, 64, 32, 16] {
            let u = b.other(4, 1, vec![at], None);
            let j = match given.pop() {
                Some(s) => {
                    let k = cs.pop().unwrap();
                    c += k;
                    b.other(5, 0, vec![u, s], None)
                }
                _ => u,
            };
            at = b.conv(j, c, o, 3, 1, Relu);
            at = b.conv(at, o, o, 3, 1, Relu);
            c = o;
        }
        b.conv(at, 16, 6, 3, 1, None);
    } else {
        let blocks = if net == "r34" { [3, 4, 6, 3] } else { [2, 2, 2, 2] };
        let mut at = b.conv(inp, 4, 64, 7, 2, Relu);
        let mut given = vec![at];
        let mut cs = vec![64];
        at = b.other(2, 3, vec![at], None);
        let mut c = 64;
        for (s, w) in [64, 128, 256, 512].into_iter().enumerate() {
            for k in 0..blocks[s] {
                let st = if k == 0 && s > 0 { 2 } else { 1 };
                let keep = at;
                let h = b.conv(at, c, w, 3, st, Relu);
                let h = b.conv(h, w, w, 3, 1, None);
                let r = if st == 2 { b.conv(keep, c, w, 1, 2, None) } else { keep };
                at = b.other(6, 0, vec![h, r], Relu);
                c = w;
            }
            if s < 3 {
                given.push(at);
                cs.push(c);
            }
        }
        for o in [256, 128, 64, 32, 16] {
            let u = b.other(4, 1, vec![at], None);
            let j = match given.pop() {
                Some(s) => {
                    c += cs.pop().unwrap();
                    b.other(5, 0, vec![u, s], None)
                }
                _ => u,
            };
            at = b.conv(j, c, o, 3, 1, Relu);
            at = b.conv(at, o, o, 3, 1, Relu);
            c = o;
        }
        b.conv(at, 16, 6, 3, 1, None);
    }
    let mut rng = 1u64;
    let mut r = move || {
        rng ^= rng << 13;
        rng ^= rng >> 7;
        rng ^= rng << 17;
        (rng >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let ws: Vec<(Vec<f32>, Vec<f32>)> =
        b.st.iter()
            .map(|s| {
                if s.0 == 1 {
                    let i = if s.7 { 1 } else { s.1 };
                    let n = i * s.3 * s.3;
                    let sc = (6.0 / n as f32).sqrt();
                    ((0..s.2 * n).map(|_| r() * sc).collect(), (0..s.2).map(|_| 0.1 * r()).collect())
                } else {
                    (vec![], vec![])
                }
            })
            .collect();
    let steps: Vec<Step> =
        b.st.iter()
            .zip(&ws)
            .map(|(s, w)| Step {
                from: s.5.clone(),
                activation: s.6,
                op: match s.0 {
                    0 => Op::Input { start: 0, count: s.3 },
                    1 => Op::Conv(Conv {
                        inputs: s.1,
                        outputs: s.2,
                        kernel: s.3,
                        stride: s.4,
                        before: s.3 / 2,
                        depthwise: s.7,
                        weight: &w.0,
                        bias: &w.1,
                    }),
                    2 => Op::MaxPool { kernel: s.3 },
                    4 => Op::Upsample { levels: 1 },
                    5 => Op::Concat,
                    _ => Op::Add,
                },
            })
            .collect();
    let e = Engine::new(&steps, Options { isa, winograd: wino }).unwrap();
    let e0 = Engine::new(
        &steps,
        Options { isa: if isa == Isa::Portable { Isa::Avx2 } else { isa }, winograd: -1 },
    )
    .unwrap();
    println!("reach {:?} direct {:?} isa {}", e.reach(), e0.reach(), isa.name());
    let src = Src { c: 4, w: size, d: (0..size * size * 4).map(|_| r()).collect() };
    let pic = Picture { width: size, height: size, first_row: 0, cols: (0, size), rows: (0, size) };
    println!("bytes {} MB", e.bytes(&pic).unwrap() >> 20);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let go = |e: &Engine| {
        let mut v = vec![];
        pool.install(|| {
            e.run(&pic, &src, |a| {
                let (x, y) = a.span();
                for y in x..y {
                    v.extend_from_slice(a.row(y));
                }
            })
            .unwrap()
        });
        v
    };
    let (x, y) = (go(&e), go(&e0));
    let m = y.iter().fold(0f32, |m, v| m.max(v.abs()));
    println!(
        "difference from direct {:e} of {m}",
        x.iter().zip(&y).fold(0f32, |m, (a, b)| m.max((a - b).abs()))
    );
    let mut t: Vec<f64> = (0..11)
        .map(|_| {
            let t = Instant::now();
            pool.install(|| e.run(&pic, &src, |_| ()).unwrap());
            t.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    t.sort_by(f64::total_cmp);
    println!("{net} {size} {threads}t wino {wino}: median {:.1} min {:.1} ms", t[5], t[0]);
}
