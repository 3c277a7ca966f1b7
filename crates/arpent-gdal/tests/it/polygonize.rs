//! The oracle itself, on a case known by hand.

use arpent_gdal::polygonize_reference;
use arpent_raster::{Raster, Window};

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
