use std::collections::HashMap;

use arpent_base::Diagnostic as _;
use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;

use super::*;
use crate::error::PublishError;
use crate::{ObjectKind, Target};

/// A secret that nothing may repeat.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+Leak==";

fn look_up(pairs: &[(&'static str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
    let map: HashMap<_, _> = pairs.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
    move |name| map.get(name).cloned()
}

fn gdal(pairs: &[(&'static str, &str)]) -> HashMap<String, String> {
    gdal_options_of(&look_up(pairs)).unwrap().into_iter().collect()
}

fn refused(pairs: &[(&'static str, &str)]) -> String {
    gdal_options_of(&look_up(pairs)).unwrap_err().to_string()
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", SECRET)];

fn with_keys(pairs: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    KEYS.iter().chain(pairs).copied().collect()
}

#[test]
fn object_stores_spelling_of_s3_feeds_gdal() {
    let options = gdal(&[
        ("AWS_ENDPOINT", "http://127.0.0.1:9000/"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_DEFAULT_REGION", "eu-west-3"),
    ]);
    assert_eq!(options["AWS_S3_ENDPOINT"], "127.0.0.1:9000");
    assert_eq!(options["AWS_HTTPS"], "NO");
    assert_eq!(options["AWS_VIRTUAL_HOSTING"], "FALSE");
    assert_eq!(options["AWS_REGION"], "eu-west-3");
    let options = gdal(&[
        ("AWS_ENDPOINT_URL", "https://s3.example.org"),
        ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"),
        ("AWS_SKIP_SIGNATURE", "true"),
    ]);
    assert_eq!(options["AWS_HTTPS"], "YES");
    assert_eq!(options["AWS_VIRTUAL_HOSTING"], "TRUE");
    assert_eq!(options["AWS_NO_SIGN_REQUEST"], "YES");
}

#[test]
fn gdals_spelling_of_s3_feeds_object_store() {
    let variables =
        [("AWS_S3_ENDPOINT", "127.0.0.1:9000"), ("AWS_HTTPS", "NO"), ("AWS_VIRTUAL_HOSTING", "TRUE")];
    let access = S3::read(&look_up(&with_keys(&variables))).unwrap();
    let builder = access.builder("bucket", "s3://bucket/p").unwrap();
    let value = |key| builder.get_config_value(&key);
    assert_eq!(value(AmazonS3ConfigKey::Endpoint).as_deref(), Some("http://bucket.127.0.0.1:9000"));
    assert_eq!(value(AmazonS3ConfigKey::VirtualHostedStyleRequest).as_deref(), Some("true"));
    assert_eq!(value(AmazonS3ConfigKey::SecretAccessKey).as_deref(), Some(SECRET));
    assert!(access.clear());
}

#[test]
fn what_gdal_reads_by_itself_is_not_repeated() {
    let options = gdal(&with_keys(&[("AWS_REGION", "r")]));
    assert!(!options.contains_key("AWS_SECRET_ACCESS_KEY") && !options.contains_key("AWS_REGION"));
}

#[test]
fn no_metadata_service_is_queried() {
    let options = gdal(&[]);
    assert_eq!(options["CPL_GCE_SKIP"], "YES");
    assert_eq!(options["CPL_AZURE_VM_API_ROOT_URL"], "disabled");
    assert_eq!(options.len(), 3);
    for url in ["s3://b/p", "gs://b/p", "az://c/p"] {
        let error = Target::parse_with(url, &|_| None).unwrap_err();
        assert!(matches!(error, PublishError::NoCredentials { .. }), "{error}");
        assert!(error.hint().unwrap().starts_with("set "), "{error}");
        assert!(error.is_transient() == Some(false));
    }
    // A role's name alone, or what leads to the metadata service, are no credentials.
    let half = [
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/get"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "a"),
        ("AZURE_CLIENT_ID", "c"),
        ("IDENTITY_ENDPOINT", "http://169.254.169.254"),
    ];
    for url in ["s3://b/p", "az://c/p"] {
        let error = Target::parse_with(url, &look_up(&half)).unwrap_err();
        assert!(matches!(error, PublishError::NoCredentials { .. }), "{error}");
    }
}

#[test]
fn contradictions_are_reported_by_name_and_never_by_value() {
    type Case<'a> = (&'a [(&'static str, &'a str)], [&'a str; 2]);
    let cases: [Case<'_>; 8] = [
        (
            &[("AWS_ENDPOINT", "https://leak-one"), ("AWS_S3_ENDPOINT", "leak-two")],
            ["AWS_ENDPOINT", "AWS_S3_ENDPOINT"],
        ),
        (&[("AWS_ENDPOINT", "https://leak-one"), ("AWS_HTTPS", "NO")], ["AWS_ENDPOINT", "AWS_HTTPS"]),
        (
            &[("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"), ("AWS_VIRTUAL_HOSTING", "FALSE")],
            ["AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "AWS_VIRTUAL_HOSTING"],
        ),
        (&[("AWS_ALLOW_HTTP", "no"), ("AWS_HTTPS", "no")], ["AWS_ALLOW_HTTP", "AWS_HTTPS"]),
        (
            &[("AZURE_STORAGE_ACCOUNT_KEY", "leak-one"), ("AZURE_STORAGE_ACCESS_KEY", "leak-two")],
            ["AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"],
        ),
        (
            &[
                ("AZURE_STORAGE_ACCOUNT", "leak-one"),
                ("AZURE_STORAGE_CONNECTION_STRING", "AccountName=leak-two;AccountKey=leak"),
            ],
            ["AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_CONNECTION_STRING"],
        ),
        (
            &[("GOOGLE_APPLICATION_CREDENTIALS", "leak-one"), ("GOOGLE_SERVICE_ACCOUNT", "leak-two")],
            ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT"],
        ),
        (
            &[("GOOGLE_BASE_URL", "https://leak-one"), ("CPL_GS_ENDPOINT", "https://leak-two/")],
            ["GOOGLE_BASE_URL", "CPL_GS_ENDPOINT"],
        ),
    ];
    for (variables, names) in cases {
        let said = refused(variables);
        assert!(names.iter().all(|name| said.contains(name)) && !said.contains("leak"), "{said}");
    }
    for (name, value) in [
        ("AWS_ENDPOINT", "http://leak-one"),
        ("AWS_ENDPOINT", "https://user:leak@host"),
        ("AWS_HTTPS", "leak"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "{\"private_key\": \"leak"),
    ] {
        let said = refused(&[(name, value)]);
        assert!(said.contains(name) && !said.contains("leak"), "{said}");
    }
}

#[test]
fn the_same_in_both_spellings_is_no_contradiction() {
    let options = gdal(&[
        ("AWS_ENDPOINT", "http://host:1/"),
        ("AWS_S3_ENDPOINT", "host:1"),
        ("AWS_HTTPS", "no"),
        ("AWS_SKIP_SIGNATURE", "1"),
        ("AWS_NO_SIGN_REQUEST", "YES"),
        ("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=x"),
        ("AZURE_STORAGE_SAS_KEY", "sv=1&sig=x"),
    ]);
    assert_eq!(options["AZURE_STORAGE_SAS_TOKEN"], "sv=1&sig=x");
    assert!(!options.contains_key("AWS_S3_ENDPOINT"), "it is there already");
}

#[test]
fn azures_names_are_translated_both_ways() {
    let options = gdal(&[
        ("AZURE_STORAGE_ACCOUNT_NAME", "acc"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5"),
        ("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:10000/acc"),
        ("AZURE_ALLOW_HTTP", "true"),
    ]);
    assert_eq!(options["AZURE_STORAGE_ACCOUNT"], "acc");
    assert_eq!(options["AZURE_STORAGE_ACCESS_KEY"], "a2V5");
    assert_eq!(
        options["AZURE_STORAGE_CONNECTION_STRING"],
        "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:10000/acc"
    );
    let text = options["AZURE_STORAGE_CONNECTION_STRING"].clone();
    let access = Azure::read(&look_up(&[("AZURE_STORAGE_CONNECTION_STRING", &text)])).unwrap();
    let builder = access.builder("c", "az://c").unwrap();
    let value = |key| builder.get_config_value(&key);
    assert_eq!(value(AzureConfigKey::AccountName).as_deref(), Some("acc"));
    assert_eq!(value(AzureConfigKey::AccessKey).as_deref(), Some("a2V5"));
    assert_eq!(value(AzureConfigKey::Endpoint).as_deref(), Some("http://127.0.0.1:10000/acc"));
    assert!(access.clear());
    let suffix = "AccountName=acc;AccountKey=a2V5;EndpointSuffix=core.example.org";
    let access = Azure::read(&look_up(&[("AZURE_STORAGE_CONNECTION_STRING", suffix)])).unwrap();
    assert_eq!(
        access.builder("c", "az://c").unwrap().get_config_value(&AzureConfigKey::Endpoint).unwrap(),
        "https://acc.blob.core.example.org"
    );
}

#[test]
fn azures_endpoint_is_passed_to_gdal_without_a_key_too() {
    let endpoint = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "acc"),
        ("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:10000/acc"),
        ("AZURE_ALLOW_HTTP", "true"),
    ];
    for (variable, gdals, value) in [
        ("AZURE_SKIP_SIGNATURE", "AZURE_NO_SIGN_REQUEST", "YES"),
        ("AZURE_STORAGE_TOKEN", "AZURE_STORAGE_ACCESS_TOKEN", "YES"),
    ] {
        let options = gdal(&[&endpoint[..], &[(variable, value)]].concat());
        assert_eq!(options[gdals], value);
        assert_eq!(options["AZURE_STORAGE_ACCOUNT"], "acc");
        assert_eq!(options["CPL_AZURE_ENDPOINT"], "http://127.0.0.1:10000/acc");
        assert!(!options.contains_key("AZURE_STORAGE_CONNECTION_STRING"));
    }
    let signed = gdal(&[&endpoint[..], &[("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")]].concat());
    assert!(!signed.contains_key("CPL_AZURE_ENDPOINT"), "the connection string says it");
    // Requests that are not to be signed are signed with no key that is there by chance.
    let both = [&endpoint[..], &[("AZURE_STORAGE_ACCOUNT_KEY", "a2V5"), ("AZURE_SKIP_SIGNATURE", "YES")]];
    let options = gdal(&both.concat());
    assert!(
        ["AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCESS_KEY"]
            .iter()
            .all(|k| !options.contains_key(*k))
    );
}

#[test]
fn googles_names_are_translated() {
    let key = r#"{"private_key":"PEM","client_email":"a@b","private_key_id":"1"}"#;
    let options = gdal(&[
        ("GOOGLE_SERVICE_ACCOUNT_KEY", key),
        ("GOOGLE_BASE_URL", "https://gcs.example.org"),
        ("GOOGLE_SKIP_SIGNATURE", "true"),
    ]);
    assert_eq!(options["GS_OAUTH2_PRIVATE_KEY"], "PEM");
    assert_eq!(options["GS_OAUTH2_CLIENT_EMAIL"], "a@b");
    assert_eq!(options["CPL_GS_ENDPOINT"], "https://gcs.example.org/");
    assert_eq!(options["GS_NO_SIGN_REQUEST"], "YES");
    let options = gdal(&[("GOOGLE_SERVICE_ACCOUNT", "/key.json")]);
    assert_eq!(options["GOOGLE_APPLICATION_CREDENTIALS"], "/key.json");
}

/// All texts of an error: its text, its causes, its hint, and its debugging form.
fn everything(error: &PublishError) -> String {
    let mut said = format!("{error} {error:?} {}", error.hint().unwrap_or_default());
    let mut next = std::error::Error::source(error);
    while let Some(e) = next {
        said = format!("{said} {e} {e:?}");
        next = e.source();
    }
    said
}

#[test]
fn secrets_are_in_no_message_and_no_debugging_output() {
    // Nobody listens on port 1.
    let s3 = with_keys(&[
        ("AWS_SESSION_TOKEN", SECRET),
        ("AWS_ENDPOINT", "http://127.0.0.1:1"),
        ("AWS_ALLOW_HTTP", "1"),
        ("ARPENT_STORE_RETRIES", "0"),
    ]);
    let azure = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "acc"),
        ("AZURE_STORAGE_SAS_TOKEN", "sv=2020-02-02&sig=wJalrXUtnFEMI%2FK7MDENG%2BLeak%3D%3D"),
        ("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:1/acc"),
        ("AZURE_ALLOW_HTTP", "1"),
        ("ARPENT_STORE_RETRIES", "0"),
    ];
    let google = [
        ("GOOGLE_BEARER_TOKEN", SECRET),
        ("GOOGLE_BASE_URL", "http://127.0.0.1:1"),
        ("GOOGLE_ALLOW_HTTP", "1"),
        ("ARPENT_STORE_RETRIES", "0"),
    ];
    let hidden = |said: &str| {
        for part in [SECRET, "FEMI", "MDENG"] {
            assert!(!said.contains(part), "{said}");
        }
    };
    for (url, variables) in [("s3://b/p", &s3[..]), ("az://c/p", &azure), ("gs://b/p", &google)] {
        let variable = look_up(variables);
        let target = Target::parse_with(url, &variable).unwrap();
        hidden(&format!("{target:?} {:?}", target.session().unwrap()));
        let errors = [
            target.exists().unwrap_err(),
            target.read("a", ObjectKind::Record).unwrap_err(),
            target.create("a", vec![1], "x").unwrap_err(),
            target.replace("a", vec![1], "x").unwrap_err(),
            target.list("").unwrap_err(),
            target.read_manifest().unwrap_err(),
            target.check_writable().unwrap_err(),
        ];
        for error in errors {
            hidden(&everything(&error));
            assert!(error.is_transient() == Some(true), "{error}");
        }
    }
    for url in [
        "s3://AKID:wJalrXUtnFEMI/K7MDENG@bucket/p",
        "https://h/p?X-Amz-Signature=wJalrXUtnFEMI",
        "http://wJalrXUtnFEMI@h/p",
        "ftp://u:wJalrXUtnFEMI@h/p?sig=wJalrXUtnFEMI",
        "s3://[wJalrXUtnFEMI@?sig=wJalrXUtnFEMI",
        "az://c/p?sv=1&sig=wJalrXUtnFEMI",
    ] {
        hidden(&everything(&Target::parse_with(url, &look_up(&s3)).unwrap_err()));
    }
}

#[test]
fn a_server_that_repeats_the_secrets_does_not_make_us_repeat_them() {
    let said = format!("<Token>{SECRET}</Token> and wJalrXUtnFEMI%2FK7MDENG%2BLeak%3D%3D");
    let source = std::io::Error::other(said);
    let error = object_store::Error::Generic { store: "S3", source: Box::new(source) };
    let access = S3::read(&look_up(&KEYS)).unwrap();
    let error = PublishError::store("read", "s3://b/x".into(), &access.secrets())(error);
    assert!(!everything(&error).contains("FEMI"), "{}", everything(&error));
    assert!(error.to_string().contains("REDACTED"));
    assert_eq!(format!("{:?}", access.secrets()), "Secrets(2)");
}

#[test]
fn timeouts_and_retries_have_bounds() {
    let read = |pairs: &[(&'static str, &str)]| ClientSettings::read(&look_up(pairs), "AWS_");
    let usual = read(&[]).unwrap().retry();
    assert_eq!((usual.max_retries, usual.retry_timeout.as_secs()), (10, 180));
    let short = read(&[("ARPENT_STORE_TIMEOUT_S", "0.5"), ("ARPENT_STORE_RETRIES", "2")]).unwrap().retry();
    assert_eq!(short.max_retries, 2);
    assert!(short.retry_timeout.as_secs_f64() < 4.0 && short.backoff.max_backoff.as_secs_f64() <= 0.5);
    for bad in
        [("ARPENT_STORE_TIMEOUT_S", "0"), ("ARPENT_STORE_TIMEOUT_S", "x"), ("ARPENT_STORE_RETRIES", "11")]
    {
        let error = read(&[bad]).unwrap_err();
        assert!(error.to_string().contains(bad.0), "{error}");
    }
}

#[test]
fn a_web_server_is_only_read() {
    let target =
        Target::parse_with("http://127.0.0.1:1/map", &look_up(&[("ARPENT_STORE_RETRIES", "0")])).unwrap();
    assert!(matches!(target.check_writable(), Err(PublishError::ReadOnly { .. })));
    assert!(matches!(target.create("a", vec![], "x"), Err(PublishError::ReadOnly { .. })));
    assert!(matches!(target.delete_below("a"), Err(PublishError::ReadOnly { .. })));
    assert!(target.read("a", ObjectKind::Record).unwrap_err().is_transient() == Some(true));
}
