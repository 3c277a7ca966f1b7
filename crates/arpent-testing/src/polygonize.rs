//! GDAL's polygonizer as a reference, in a separate process, so that the tests do not link GDAL.

use std::io::{BufRead as _, BufReader, Error, Result, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use arpent_raster::Raster;

/// A polygon with the value of its pixels; rings in pixel corners (column, row) of the raster, the exterior first,
/// each closed.
pub type ReferencePolygon = (u8, Vec<Vec<[i64; 2]>>);

/// The system's interpreter, with the bindings of the GDAL library that arpent is linked with.
const PYTHON: &str = "/usr/bin/python3";

const PROGRAM: &str = include_str!("polygonize.py");

/// The process. It ends with this one, since its input is closed then.
struct Process {
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

static PROCESS: Mutex<Option<Process>> = Mutex::new(None);

/// Polygons of the 4-connected, or 8-connected, regions of equal value, including nodata, as `GDALPolygonize` makes
/// them. Everything is kept in memory.
///
/// # Errors
/// If the process cannot be started or ends: it needs GDAL's Python bindings (`apt-get install python3-gdal`).
pub fn polygonize_reference(raster: &Raster<u8>, eight: bool) -> Result<Vec<ReferencePolygon>> {
    let mut process = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    // After an error, no process is kept that could return a stale response.
    let mut asked = process.take().map_or_else(start, Ok)?;
    let answer = asked.ask(raster, eight)?;
    *process = Some(asked);
    Ok(answer)
}

fn start() -> Result<Process> {
    let mut child =
        Command::new(PYTHON).args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (Some(input), Some(output)) = (input, output) else { return Err(wrong("has no pipes")) };
    Ok(Process { _child: child, input, output: BufReader::new(output) })
}

impl Process {
    fn ask(&mut self, raster: &Raster<u8>, eight: bool) -> Result<Vec<ReferencePolygon>> {
        let window = raster.window();
        writeln!(self.input, "{} {} {}", window.width, window.height, if eight { 8 } else { 4 })?;
        self.input.write_all(raster.data())?;
        self.input.flush()?;
        let count: usize = self.line()?.parse().map_err(|_| wrong("gave no number of polygons"))?;
        (0..count).map(|_| polygon(&self.line()?).ok_or_else(|| wrong("gave no polygon"))).collect()
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(wrong("ended (it needs GDAL's Python bindings: apt-get install python3-gdal)"));
        }
        Ok(line.trim_end().to_owned())
    }
}

fn wrong(what: &str) -> Error {
    Error::other(format!("{PYTHON}, which polygonizes with GDAL, {what}"))
}

fn polygon(line: &str) -> Option<ReferencePolygon> {
    let (value, rings) = line.split_once(';')?;
    let corner = |text: &str| {
        let (x, y) = text.split_once(',')?;
        Some([x.parse().ok()?, y.parse().ok()?])
    };
    let rings = rings.split(';').map(|ring| ring.split(' ').map(corner).collect::<Option<_>>());
    Some((value.parse().ok()?, rings.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use arpent_raster::Window;

    use super::*;

    #[test]
    fn regions_are_four_connected_with_holes() {
        let data = vec![
            1, 1, 1, 2, //
            1, 3, 1, 2, //
            1, 1, 1, 1, //
        ];
        let raster = Raster::new(Window::new(100, 200, 4, 3), data).unwrap();
        let mut polygons = polygonize_reference(&raster, false).unwrap();
        polygons.sort_by_key(|(value, _)| *value);
        assert_eq!(
            polygons.iter().map(|(v, rings)| (*v, rings.len())).collect::<Vec<_>>(),
            [(1, 2), (2, 1), (3, 1)]
        );
        let mut hole = polygons[2].1[0].clone();
        assert_eq!(hole.first(), hole.last());
        hole.pop();
        hole.sort_unstable();
        assert_eq!(hole, [[1, 1], [1, 2], [2, 1], [2, 2]]);

        let diagonal = Raster::new(Window::new(0, 0, 2, 2), vec![1, 0, 0, 1]).unwrap();
        assert_eq!(polygonize_reference(&diagonal, false).unwrap().len(), 4);
        assert_eq!(polygonize_reference(&diagonal, true).unwrap().len(), 2);
    }
}
