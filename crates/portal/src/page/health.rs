//! `GET /health`: this process answers.

pub async fn get() -> &'static str {
    "ok\n"
}
