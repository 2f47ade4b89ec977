//! What programs read about a document: its dictionary of information, and the same as XMP (ISO 16684-1).

use crate::model::Document;
use crate::text::{string, xml};

/// The entries of the dictionary of information.
pub fn info(document: &Document) -> String {
    // D:YYYYMMDDHHmmSSZ, out of RFC 3339.
    let digits: String = document.made_at.chars().filter(char::is_ascii_digit).take(14).collect();
    let date = string(&format!("D:{digits}Z"));
    format!(
        "<< /Title {} /Subject {} /Producer {} /CreationDate {date} /ModDate {date} >>",
        string(&document.title),
        string(&document.subject),
        string(&document.producer)
    )
}

/// The packet of XMP.
pub fn xmp(document: &Document) -> String {
    let [title, subject, language, producer, made_at] =
        [&document.title, &document.subject, &document.language, &document.producer, &document.made_at].map(|t| xml(t));
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
         <rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\">\
         <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{title}</rdf:li></rdf:Alt></dc:title>\
         <dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">{subject}</rdf:li></rdf:Alt></dc:description>\
         <dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>\
         <xmp:CreateDate>{made_at}</xmp:CreateDate><xmp:ModifyDate>{made_at}</xmp:ModifyDate>\
         <pdf:Producer>{producer}</pdf:Producer></rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>"
    )
}
