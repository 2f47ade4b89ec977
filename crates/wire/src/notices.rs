//! The notices that a depot holds of a site (`writ.notices.v1`), as the appliances signed them, and its word that it has one.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;

use crate::MAX_ENVELOPE;
use crate::shape::document;
use crate::signed::Signed;

/// The largest answer to a notice, in bytes.
pub const MAX_NOTICE_RECEIPT: usize = 1024;

/// The newest notices of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notices {
    /// Always `writ.notices.v1`.
    pub schema: NoticesSchema,
    /// Each a [`crate::notice::Notice`], in the order in which they came.
    pub notices: Vec<Signed>,
}

document!(Notices, NoticesSchema, NOTICES_SCHEMA, "writ.notices.v1", MAX_ENVELOPE);

/// That a depot has a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeReceipt {
    /// Always `writ.notice-receipt.v1`.
    pub schema: NoticeReceiptSchema,
    /// The digest of its exact bytes.
    pub digest: Digest,
}

document!(NoticeReceipt, NoticeReceiptSchema, NOTICE_RECEIPT_SCHEMA, "writ.notice-receipt.v1", MAX_NOTICE_RECEIPT);
