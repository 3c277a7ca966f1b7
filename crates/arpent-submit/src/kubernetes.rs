//! Kubernetes: an Indexed Job with one index per shard, and a Job for the merge.
//!
//! Manifests are JSON, which kubectl and the API take as they take YAML: this needs no crate, and is not
//! ambiguous. Jobs cannot wait for each other. So the merge runs from the start: while shards are missing it ends with
//! [`TRY_AGAIN`], which its Job does not count as a failure, and is retried after a delay that Kubernetes doubles up to
//! six minutes. Between tries it holds no cores and no memory.

use arpent_shell::exit::TRY_AGAIN;
use serde_json::{Value, json};

use crate::common::{BATCH_LOG, GRACE_S, Outcome, PERMANENT, Submission, ask};
use crate::error::SubmitError;
use crate::options::{KubernetesOptions, SubmitOptions};
use crate::words::Mebibytes;

/// Where the scratch volume is mounted.
const SCRATCH: &str = "/scratch";

/// The environment variable with the number of a pod's shard.
const INDEX: &str = "JOB_COMPLETION_INDEX";

/// Time after its end at which a Job is deleted, seconds: a week, for its logs.
const KEPT_S: u32 = 7 * 24 * 3600;

/// Default sizes.
const DEFAULT_MEMORY: Mebibytes = Mebibytes(4 * 1024);
const DEFAULT_SCRATCH: Mebibytes = Mebibytes(10 * 1024);
const DEFAULT_CPU: u32 = 2;
const DEFAULT_MERGE_WAIT_HOURS: u32 = 7 * 24;

/// Submits a plan, or prints what would be submitted.
pub(crate) fn submit(
    options: &SubmitOptions,
    kubernetes: &KubernetesOptions,
    submission: &Submission,
) -> Result<Outcome, SubmitError> {
    let manifests = manifests(options, kubernetes, submission)?;
    let text = format!("{manifests:#}\n");
    if options.dry_run {
        return Ok(Outcome { text, details: json!({ "manifests": manifests }), code: 0 });
    }
    let said = ask("kubectl", &["apply", "--filename=-"], &text)?;
    let names = job_names(submission);
    let details = json!({ "jobs": { "shards": names[0], "merge": names[1] } });
    Ok(Outcome { text: said + "\n", details, code: 0 })
}

/// Names of the Jobs of the shards and of the merge.
fn job_names(submission: &Submission) -> [String; 2] {
    ["shards", "merge"].map(|part| format!("{}-{part}", submission.job_name()))
}

/// Both Jobs, as one list.
fn manifests(
    options: &SubmitOptions,
    kubernetes: &KubernetesOptions,
    submission: &Submission,
) -> Result<Value, SubmitError> {
    let image = kubernetes.image.as_deref().ok_or(SubmitError::NoImage)?;
    if !submission.url.contains("://") || submission.url.starts_with("file:") {
        return Err(SubmitError::PlanInFolder { url: submission.url.clone() });
    }
    let [shards, merge] = job_names(submission);
    let list = json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            job(submission, kubernetes, &shards, "shards", &shards_spec(options, kubernetes, submission, image)),
            job(submission, kubernetes, &merge, "merge", &merge_spec(options, kubernetes, submission, image)),
        ],
    });
    Ok(list)
}

/// A Job of a plan. Its labels are also those of its pods.
fn job(
    submission: &Submission,
    kubernetes: &KubernetesOptions,
    name: &str,
    part: &str,
    spec: &Value,
) -> Value {
    let labels = json!({
        "app.kubernetes.io/name": "arpent",
        "app.kubernetes.io/instance": submission.job_name(),
        "app.kubernetes.io/component": part,
    });
    let mut spec = spec.clone();
    spec["template"]["metadata"] = json!({ "labels": labels });
    let mut metadata =
        json!({ "name": name, "labels": labels, "annotations": { "arpent/plan": submission.url } });
    if let Some(namespace) = &kubernetes.namespace {
        metadata["namespace"] = json!(**namespace);
    }
    json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec })
}

fn shards_spec(
    options: &SubmitOptions,
    kubernetes: &KubernetesOptions,
    submission: &Submission,
    image: &str,
) -> Value {
    let cpu = kubernetes.resources.cpu.map_or(DEFAULT_CPU, Into::into);
    let threads = options.threads.map_or(cpu, Into::into).to_string();
    let mut words: Vec<String> = submission.worker_words(options).iter().map(|word| literal(word)).collect();
    words.extend(["--index", &format!("$({INDEX})"), "--threads", &threads].map(str::to_owned));
    words.extend(BATCH_LOG.map(str::to_owned));
    let mut container = container(options, kubernetes, image, &words, cpu);
    if let Some(gpu) = kubernetes.resources.gpu {
        container["resources"]["limits"]["nvidia.com/gpu"] = json!(gpu.to_string());
    }
    let index = "metadata.annotations['batch.kubernetes.io/job-completion-index']";
    container["env"] =
        json!([temporary_files(), { "name": INDEX, "valueFrom": { "fieldRef": { "fieldPath": index } } }]);
    json!({
        "completionMode": "Indexed",
        "completions": submission.shards,
        "parallelism": options.parallel.map_or(submission.shards, |n| n.get().min(submission.shards)),
        "backoffLimitPerIndex": options.retries,
        "maxFailedIndexes": kubernetes.max_failed.unwrap_or(0).min(submission.shards),
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": { "rules": [
            disruption(),
            on_exit("FailIndex", &PERMANENT),
            on_exit("Count", &[TRY_AGAIN]),
        ] },
        "ttlSecondsAfterFinished": KEPT_S,
        "template": { "spec": pod(kubernetes, &container) },
    })
}

fn merge_spec(
    options: &SubmitOptions,
    kubernetes: &KubernetesOptions,
    submission: &Submission,
    image: &str,
) -> Value {
    let mut words: Vec<String> = submission.merge_words().iter().map(|word| literal(word)).collect();
    words.extend(BATCH_LOG.map(str::to_owned));
    let container = container(options, kubernetes, image, &words, 1);
    let hours = kubernetes.merge_wait_hours.map_or(DEFAULT_MERGE_WAIT_HOURS, Into::into);
    json!({
        "backoffLimit": options.retries,
        "activeDeadlineSeconds": u64::from(hours) * 3600,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": { "rules": [
            disruption(),
            on_exit("FailJob", &PERMANENT),
            on_exit("Ignore", &[TRY_AGAIN]),
        ] },
        "ttlSecondsAfterFinished": KEPT_S,
        "template": { "spec": pod(kubernetes, &container) },
    })
}

/// A drained node or a preempted pod does not count as a failure.
fn disruption() -> Value {
    json!({ "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] })
}

fn on_exit(action: &str, codes: &[u8]) -> Value {
    json!({ "action": action, "onExitCodes": { "containerName": "arpent", "operator": "In", "values": codes } })
}

fn container(
    options: &SubmitOptions,
    kubernetes: &KubernetesOptions,
    image: &str,
    words: &[String],
    cpu: u32,
) -> Value {
    let size = |size: Mebibytes| format!("{}Mi", size.0);
    let memory = size(kubernetes.resources.memory.unwrap_or(DEFAULT_MEMORY));
    let scratch = size(scratch(kubernetes));
    let mut container = json!({
        "name": "arpent",
        "image": image,
        "args": words,
        "env": [temporary_files()],
        "resources": {
            "requests": { "cpu": cpu.to_string(), "memory": memory, "ephemeral-storage": scratch },
            // No limit of cores: it would slow down a worker on a node with idle cores.
            "limits": { "memory": memory },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "capabilities": { "drop": ["ALL"] },
        },
        "volumeMounts": [{ "name": "scratch", "mountPath": SCRATCH }],
    });
    if let Some(program) = &options.program {
        container["command"] = json!([literal(program)]);
    }
    if let Some(secret) = &kubernetes.secret {
        container["envFrom"] = json!([{ "secretRef": { "name": **secret } }]);
    }
    container
}

/// The environment variable that puts temporary files on the scratch volume.
fn temporary_files() -> Value {
    json!({ "name": "TMPDIR", "value": SCRATCH })
}

fn pod(kubernetes: &KubernetesOptions, container: &Value) -> Value {
    let mut pod = json!({
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_S,
        "automountServiceAccountToken": false,
        "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        "containers": [container],
        "volumes": [{ "name": "scratch", "emptyDir": { "sizeLimit": format!("{}Mi", scratch(kubernetes).0) } }],
    });
    if let Some(account) = &kubernetes.service_account {
        pod["serviceAccountName"] = json!(**account);
    }
    pod
}

fn scratch(kubernetes: &KubernetesOptions) -> Mebibytes {
    kubernetes.scratch.unwrap_or(DEFAULT_SCRATCH)
}

/// A word with escapes, so that Kubernetes replaces no variable in it.
fn literal(word: &str) -> String {
    word.replace("$(", "$$(")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_look_like_variables_stay_as_they_are() {
        assert_eq!(literal("s3://b/$(HOME)/plan.json"), "s3://b/$$(HOME)/plan.json");
        assert_eq!(literal("s3://b/$x"), "s3://b/$x");
    }
}
