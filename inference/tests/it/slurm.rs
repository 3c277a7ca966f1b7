//! `arpent submit --executor slurm` on a cluster of three nodes, with workers whose exit codes are given.

use std::io;
use std::os::unix::fs::PermissionsExt;

use arpent_testing::Slurm;
use serde_json::Value;

use crate::common::Ended;
use crate::submit::{PLAN, plan_text};

/// A worker and a merge that do nothing but end with the given code. The n-th word of `ends-INDEX` is the end of the n-th try of a shard: a
/// number is an exit code, `wait` ends well once there is a file `go`, `term` ends with 75 on SIGTERM. Without a word
/// it ends well, and leaves `done-INDEX`; the merge ends with 75 while one is missing.
const FAKE: &str = r#"#!/bin/bash
cd "$(dirname "$0")"
verb=$1
while (($#)) && [[ $1 != --index ]]; do shift; done
index=${2:-merge}
echo "$verb $index $SECRET $SLURMD_NODENAME" >> tries
try=$(grep -c "^$verb $index " tries)
if [[ $verb == merge ]]; then
  for ((i = 0; i < SHARDS; i++)); do [[ -e done-$i ]] || exit 75; done
  touch merged
  exit 0
fi
ends=($(cat "ends-$index" 2>/dev/null))
end=${ends[$((try - 1))]:-0}
trap 'echo "$index" >> told; exit 75' TERM
touch "ready-$index"
case $end in
  wait) until [[ -e go ]]; do sleep 0.1; done; end=0 ;;
  term) while :; do sleep 0.1; done ;;
esac
((end == 0)) && touch "done-$index"
exit "$end"
"#;

/// A cluster, a plan and fake workers in the folder that its nodes see.
struct Drill {
    cluster: Slurm,
    shards: u32,
}

/// The jobs of a submission.
struct Jobs {
    array: String,
    merge: String,
}

impl Drill {
    /// `None`, and a word on it, where Slurm is not installed.
    fn start(shards: u32, ends: &[(u32, &str)], settings: &str) -> Option<Self> {
        let Some(cluster) = Slurm::start(3, settings).unwrap() else {
            arpent_testing::skip("slurm", "Slurm is not installed (scripts/setup.sh --test installs it)");
            return None;
        };
        let drill = Self { cluster, shards };
        let fake = drill.path("fake arpent");
        drill.write("fake arpent", FAKE);
        std::fs::set_permissions(fake, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir_all(drill.path(PLAN).parent().unwrap()).unwrap();
        drill.write(PLAN, &plan_text(shards as usize));
        drill.write("env file", &format!("SECRET=hidden\nSHARDS={shards}\n"));
        std::fs::create_dir(drill.path("log folder")).unwrap();
        for (index, words) in ends {
            drill.write(&format!("ends-{index}"), words);
        }
        Some(drill)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.cluster.folder().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn try_submit(&self, more: &[&str]) -> Ended {
        let words = ["submit", "--plan", PLAN, "--executor", "slurm", "--program"];
        let mut command = self.cluster.command(env!("CARGO_BIN_EXE_arpent"));
        command.args(words).arg(self.path("fake arpent")).args(["--format", "json"]);
        command.args(["--logs", "log folder", "--env-file", "env file"]).args(more);
        command.output().unwrap().into()
    }

    #[track_caller]
    fn submit(&self, more: &[&str]) -> Jobs {
        let report: Value = serde_json::from_str(&self.try_submit(more).expect(0).out).unwrap();
        let job = |name: &str| report["jobs"][name].as_str().unwrap().to_owned();
        Jobs { array: job("shards"), merge: job("merge") }
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl FnMut(&Slurm) -> io::Result<bool>) {
        self.cluster.wait_for(what, holds).unwrap_or_else(|error| panic!("{error}\n{}", self.logs()));
    }

    #[track_caller]
    fn wait_state(&self, job: &str, state: &str) {
        self.wait(&format!("job {job} to be {state}"), |cluster| Ok(cluster.state(job)? == state));
    }

    /// Waits until all workers run, and can be signaled to stop.
    #[track_caller]
    fn wait_ready(&self) {
        let ready = |index: u32| self.path(&format!("ready-{index}")).exists();
        self.wait("workers to run", |_| Ok((0..self.shards).all(ready)));
    }

    /// How often a shard was tried.
    fn tries(&self, index: u32) -> usize {
        let tries = self.read("tries");
        tries.lines().filter(|line| line.starts_with(&format!("worker {index} "))).count()
    }

    #[track_caller]
    fn assert_merged(&self, jobs: &Jobs) {
        self.wait_state(&jobs.merge, "COMPLETED");
        assert!(self.path("merged").exists());
        for shard in 0..self.shards {
            assert!(self.path(&format!("done-{shard}")).exists(), "shard {shard} is not done");
        }
    }

    /// What the jobs wrote.
    fn logs(&self) -> String {
        let entries = std::fs::read_dir(self.path("log folder")).unwrap();
        let texts = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        texts.collect::<Vec<_>>().join("\n---\n")
    }
}

#[test]
fn shards_are_tried_again_and_merged() {
    // Whether the cluster requeues by exit code or not, a shard is tried again once.
    for settings in ["", "RequeueExit=75"] {
        let Some(drill) = Drill::start(5, &[(2, "75 0")], settings) else { return };
        let more = ["--sbatch=--comment=all", "--merge-sbatch", "--comment=merge"];
        let jobs =
            drill.submit(&[&["--parallel", "4", "--cpu", "1", "--memory", "100M"][..], &more].concat());
        drill.assert_merged(&jobs);
        let comment = |job: &str| {
            drill.cluster.ask("squeue", &["--noheader", "--states=all", "--format=%k", "--jobs", job])
        };
        assert_eq!(comment(&jobs.merge).unwrap(), "merge");
        assert_eq!(comment(&format!("{}_0", jobs.array)).unwrap(), "all");
        assert_eq!((0..5).map(|shard| drill.tries(shard)).collect::<Vec<_>>(), [1, 1, 2, 1, 1]);
        let tries = drill.read("tries");
        assert!(
            tries.lines().all(|line| line.contains(" hidden ")),
            "the file of variables is read: {tries}"
        );
        assert!(drill.logs().contains("to be retried"), "{}", drill.logs());
        assert_eq!(std::fs::read_dir(drill.path("log folder")).unwrap().count(), 6);
    }
}

#[test]
fn a_shard_that_fails_stops_the_merge_and_can_be_submitted_again() {
    // Shard 1 fails for good, shard 3 once more often than it may.
    let Some(drill) = Drill::start(4, &[(1, "2 0"), (3, "75 75 0")], "") else { return };
    let jobs = drill.submit(&["--retries", "1"]);
    drill.wait_state(&jobs.merge, "CANCELLED");
    let shard = |index: u32| format!("{}_{index}", jobs.array);
    drill.wait_state(&shard(3), "FAILED");
    assert_eq!(drill.cluster.state(&shard(1)).unwrap(), "FAILED");
    assert_eq!(drill.cluster.state(&shard(0)).unwrap(), "COMPLETED");
    assert_eq!((drill.tries(1), drill.tries(3)), (1, 2));
    assert!(drill.logs().contains("exit code 2: not retried"), "{}", drill.logs());
    assert!(drill.logs().contains("exit code 75 after 1 retries: giving up"), "{}", drill.logs());
    assert!(!drill.path("merged").exists());
    drill.assert_merged(&drill.submit(&[]));
}

#[test]
fn shards_of_a_node_that_is_down_run_elsewhere() {
    let ends: Vec<(u32, &str)> = (0..3).map(|shard| (shard, "wait")).collect();
    let Some(drill) = Drill::start(3, &ends, "") else { return };
    // A node has two cores: each shard has one to itself.
    let jobs = drill.submit(&["--cpu", "2"]);
    drill.wait_ready();
    let node = drill.cluster.node_of(&format!("{}_0", jobs.array)).unwrap();
    drill
        .cluster
        .ask("scontrol", &["update", &format!("nodename={node}"), "state=down", "reason=drill"])
        .unwrap();
    drill.write("go", "");
    drill.assert_merged(&jobs);
    assert_eq!((0..3).map(|shard| drill.tries(shard)).collect::<Vec<_>>(), [2, 1, 1]);
    let tries = drill.read("tries");
    let last = tries.lines().rfind(|line| line.starts_with("worker 0 ")).unwrap();
    assert!(!last.ends_with(&node), "{last} is not on another node than {node}");
}

#[test]
fn shards_of_a_node_that_died_run_elsewhere() {
    let ends: Vec<(u32, &str)> = (0..3).map(|shard| (shard, "wait")).collect();
    let Some(mut drill) = Drill::start(3, &ends, "") else { return };
    let jobs = drill.submit(&["--cpu", "2"]);
    drill.wait_ready();
    let shard = format!("{}_1", jobs.array);
    let node = drill.cluster.node_of(&shard).unwrap();
    drill.cluster.kill_node(&node).unwrap();
    drill.write("go", "");
    drill.wait("the node to be missed", |cluster| {
        Ok(cluster.ask("sinfo", &["--noheader", "--format=%t", "--nodes", &node])?.starts_with("down"))
    });
    drill.assert_merged(&jobs);
    assert_eq!((0..3).map(|shard| drill.tries(shard)).collect::<Vec<_>>(), [1, 2, 1]);
}

#[test]
fn workers_get_a_signal_before_the_end_and_a_cancelled_array_stays_cancelled() {
    let Some(drill) = Drill::start(2, &[(0, "term wait"), (1, "wait")], "") else { return };
    let jobs = drill.submit(&[]);
    let shard = |index: u32| format!("{}_{index}", jobs.array);
    drill.wait_ready();
    // What Slurm does before a time limit: the script alone gets the signal, and forwards it to its worker.
    drill.cluster.ask("scancel", &["--batch", "--signal=TERM", &shard(0)]).unwrap();
    drill.wait("the worker to run again", |_| Ok(drill.tries(0) == 2));
    assert_eq!(drill.read("told").trim(), "0");
    drill.cluster.ask("scancel", &[&jobs.array]).unwrap();
    drill.wait_state(&jobs.merge, "CANCELLED");
    for index in 0..2 {
        drill.wait(&format!("shard {index} to be gone"), |cluster| {
            Ok(cluster.ask("squeue", &["--noheader", "--jobs", &shard(index)])?.is_empty())
        });
        assert_eq!(drill.cluster.state(&shard(index)).unwrap(), "CANCELLED");
    }
    assert_eq!((drill.tries(0), drill.tries(1)), (2, 1));
    drill.write("go", "");
    drill.assert_merged(&drill.submit(&[]));
}

#[test]
fn more_shards_than_an_array_takes_are_refused() {
    let Some(drill) = Drill::start(1002, &[], "") else { return };
    let ended = drill.try_submit(&[]).expect(2);
    assert!(ended.err.contains("1002 shards") && ended.err.contains("--shards 1001"), "{}", ended.err);
    assert_eq!(drill.cluster.ask("squeue", &["--noheader", "--states=all"]).unwrap(), "");
}
