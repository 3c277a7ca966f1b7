//! What packages hold beside the program: completions, manual pages, the data of GDAL and PROJ.

use std::path::Path;
use std::process::Command;

use arpent_raster::Window;
use arpent_testing::Picture;
use arpent_testing::installed::{check_completions, check_manual};

use crate::common::{Ended, Place, nearest_color};

const PROGRAM: &str = env!("CARGO_BIN_EXE_arpent");

const SCENE: Window = Window::new(3_260_007, -34_310_013, 80, 70);

#[test]
fn completions_have_every_command() {
    check_completions(Path::new(PROGRAM));
}

#[test]
fn manual_pages_are_accepted_by_groff() {
    // `arpent train` runs arpent-train, which has a page of that name.
    check_manual(Path::new(PROGRAM), &["train"]);
}

#[test]
fn data_of_a_package_are_used_unless_the_environment_names_others() {
    let place = Place::empty();
    nearest_color(&place.path("model"), 1);
    let scene = place.draw("a.tif", &Picture::new(1, 12), SCENE);
    let program = place.path("prefix/bin/arpent");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::hard_link(PROGRAM, &program).or_else(|_| std::fs::copy(PROGRAM, &program).map(drop)).unwrap();
    let plan = |proj: Option<&Path>| -> Ended {
        let mut command = Command::new(&program);
        command.args(["plan", "--model", "model", "--scene", &scene]).current_dir(place.path("."));
        command.env_remove("PROJ_LIB").env_remove("PROJ_DATA").envs(proj.map(|folder| ("PROJ_DATA", folder)));
        command.output().unwrap().into()
    };
    plan(None).expect(0);
    // A database that PROJ cannot use.
    let proj = place.path("prefix/share/arpent/proj");
    std::fs::create_dir_all(&proj).unwrap();
    std::fs::write(proj.join("proj.db"), "").unwrap();
    let ended = plan(None);
    assert!(ended.code != 0 && ended.err.contains("proj.db"), "{}{}", ended.out, ended.err);
    let of_system = Path::new("/usr/share/proj");
    if of_system.join("proj.db").exists() {
        plan(Some(of_system)).expect(0);
    }
}
