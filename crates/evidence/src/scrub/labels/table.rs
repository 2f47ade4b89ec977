//! The labels: what a field, a key or a phrase before a value is called, in English, German, French and Spanish.
//!
//! Names of fields are those of HL7, FHIR, OpenEMR, OpenMRS and Synthea beside what people write. Each is lower-case ASCII
//! without accents, blanks or signs, so `date of birth`, `date_of_birth` and `dateOfBirth` are one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// How the value behind a label is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Words of a name.
    Name,
    /// As `Name`, where the label is also a common word: each word has a capital.
    Capital,
    /// As `Name`, where the label is also what machines call things: at least two words with capitals.
    FullName,
    /// The name of a place.
    Place,
    /// A line with street and number, up to the next key.
    Address,
    /// A postal code.
    Zip,
    Date,
    Phone,
    Email,
    /// Digits and letters in groups, as on a card.
    Number,
    /// One word with digits.
    Id,
    /// Letters and digits in capitals, in groups.
    Plate,
    /// One word.
    Token,
    /// A long word of base64.
    Blob,
}

/// A label: the tag of what it names, and how that is read.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    pub tag: &'static str,
    pub class: Class,
    /// A separator (`:`, `=`, a quote) must stand before the value, because the words also stand in sentences.
    pub strict: bool,
    /// Not where it is said of a machine, as in `host name`.
    pub not_of_machines: bool,
    /// `#` must stand before the value, as in `claim #4711`.
    pub sharp: bool,
}

/// Words that say "number" behind another label.
const TAILS: &[&str] = &["", "number", "no", "num", "nr", "n", "id", "nummer", "numero", "code", "identifier", "value"];

/// Names whose bearer is a patient, or somebody near to one.
const PEOPLE: &str = "patient patients pt patientin paciente patiente guarantor subscriber insured policyholder beneficiary \
    spouse mother mothers father fathers guardian guardians nextofkin emergencycontact kontaktperson angehorige angehoriger \
    versicherter versicherte contactodeemergencia personneaprevenir \
    daughter son wife husband sister brother carer caregiver tochter sohn ehefrau ehemann mutter vater epouse epoux fille fils \
    madre padre hijo hija esposa esposo marido";

type Row = (&'static str, Class, bool, bool, &'static str);

const ROWS: &[Row] = &[
    (
        "name",
        Class::Name,
        true,
        false,
        "firstname lastname middlename maidenname surname familyname givenname legalname fname lname mname \
        patname birthname mothersmaidenname mothersname fathersname guardiansname vorname nachname familienname \
        geburtsname nomdefamille nomdenaissance nomusuel nombres apellido apellidos primerapellido segundoapellido \
        nombrecompleto nomcomplet vollername patientfullname preferredname legalfirstname legallastname",
    ),
    ("name", Class::Capital, true, false, "first last middle given family nom prenom nombre"),
    (
        "name",
        Class::FullName,
        true,
        true,
        "name fullname displayname display membername personname attending physician provider",
    ),
    (
        "address",
        Class::Address,
        true,
        false,
        "street streetaddress streetname address1 address2 addressline addressline1 addressline2 addr1 \
        addr2 streetaddressline homeaddress mailingaddress postaladdress residentialaddress patientaddress strasse str anschrift adresse wohnort \
        adresspostale rue calle domicilio direccion direccionpostal livesat addressline3 birthplace geburtsort lieudenaissance lugardenacimiento",
    ),
    ("address", Class::Address, true, true, "address"),
    (
        "address",
        Class::Place,
        true,
        false,
        "city town county district parish cityvillage countydistrict ort stadt ville commune ciudad \
        localidad municipio poblacion village hometown",
    ),
    ("address", Class::Zip, true, false, "zip zipcode cp"),
    ("address", Class::Zip, false, false, "postalcode postcode plz postleitzahl codepostal codigopostal"),
    (
        "date",
        Class::Date,
        false,
        false,
        "dob birthdate birthday birth dateofbirth birthtime born bornon bornthe geb geboren geborenam geburtsdatum ne nele nee \
        neele datedenaissance nacido nacidoel nacida nacidael fechadenacimiento fechanacimiento dateofdeath deathdate deceased deceasedon \
        died diedon todesdatum sterbedatum gestorbenam datededeces decede decedele fallecido fallecidoel fechadedefuncion dateofservice dateofadmission \
        dateofdischarge admitted admittedon admission admissiondate admitdate discharged dischargedon dischargedate dos appointment appointmenton \
        appointmentdate aufnahmedatum entlassungsdatum admisle hospitalisele sortile ingresado ingresadoel ingresoel fechadeingreso \
        fechadealta dateofvisit visitdate seenon servicedate patientdob deceaseddatetime birthdt",
    ),
    (
        "phone",
        Class::Phone,
        true,
        false,
        "phone phonenumber phoneno telephone telephonenumber tel cell cellphone cellnumber mobile mobilephone mobilenumber \
        mobileno homephone workphone home work phonehome phonebiz phonecell phonecontact phonework telefon telefonnummer telefonnr handy handynummer \
        mobil mobilnummer rufnummer telephonne portable mobilite telefono movil telefonomovil numerodetelephone numerodetelefono celular \
        contactnumber contactphone emergencyphone patientphone daytimephone eveningphone",
    ),
    (
        "phone",
        Class::Phone,
        false,
        false,
        "phone telephone tel phonenumber telephonenumber faxnumber nextofkinphone telefon telefono movil telefonnummer handy",
    ),
    (
        "fax",
        Class::Phone,
        false,
        false,
        "fax faxnumber faxno telefax telefaxnummer faxnummer telecopie telecopieur numerodefax faxitto faxto",
    ),
    (
        "email",
        Class::Email,
        true,
        false,
        "email emailaddress mail mailaddress courriel correo correoelectronico emailadresse patientemail",
    ),
    (
        "ssn",
        Class::Number,
        false,
        false,
        "ssn ss socialsecurity socialsecuritynumber socialsecurityno socialsecuritynum taxid taxpayerid itin sin nino ninumber nationalinsurance \
        nationalinsurancenumber sozialversicherungsnummer sozialversicherungsnr svnr svnummer rentenversicherungsnummer rvnr steuerid \
        steueridentifikationsnummer nir numerodesecuritesociale nsecuritesociale securitesociale nss nuss dni nie nif numerodelaseguridadsocial \
        numerodeseguridadsocial nationalid nationalidnumber numerodedni guarantorssn patientssn",
    ),
    (
        "url",
        Class::Token,
        true,
        false,
        "homepage website webpage personalurl patienturl portalurl portallink siteweb paginaweb webseite",
    ),
    (
        "biometric",
        Class::Blob,
        true,
        false,
        "fingerprinttemplate fingerprintdata fingerprintminutiae faceembedding facetemplate facialtemplate faceprint iriscode iristemplate \
        retinascan palmprint veinpattern biometric biometrics biometrictemplate biometricdata voicetemplate voiceembedding dnasequence gaittemplate",
    ),
    (
        "biometric",
        Class::Id,
        true,
        false,
        "voiceprint voiceprintid fingerprintid faceid irisid biometricid palmprintid",
    ),
    (
        "photo",
        Class::Blob,
        true,
        false,
        "photo photodata portrait portraitdata facephoto facialimage faceimage patientphoto headshot mugshot passfoto passbild",
    ),
    (
        "login",
        Class::Token,
        true,
        false,
        "portaluser portallogin patientlogin patientusername patientuser portalusername memberlogin",
    ),
    ("machine", Class::Token, true, false, "patientip patientipaddress memberip patientmac patientdeviceip"),
    (
        "vehicle",
        Class::Plate,
        false,
        false,
        "licenseplate licenceplate numberplate platenumber licenseplatenumber licenceplatenumber vehicleregistration registrationplate kennzeichen kfzkennzeichen \
        autokennzeichen immatriculation plaquedimmatriculation numerodimmatriculation matricula numerodematricula",
    ),
];

/// Labels of numbers, each also with a tail: `mrn`, `mrn number`, `passport no`.
const NUMBERED: &[(&str, Class, bool, &str)] = &[
    (
        "id",
        Class::Id,
        false,
        "mrn medicalrecord chart patientid pubpid hospital hospitalid patientidentifier medrec ndedossier numerodedossier medicalrecordid healthrecord pat patientnumber \
        patientennummer patientennr patientenid fallnummer fallnr aktenzeichen krankenaktennummer dossier dossierpatient dossiermedical ipp nip \
        historiaclinica nhc expediente numerodehistoria externalpatient masterpatient mpi empi enterpriseid",
    ),
    ("id", Class::Number, false, "nhs nhsnumber chinumber hcn"),
    (
        "id",
        Class::Id,
        false,
        "patient pt encounter visit subject member subscriber beneficiary insured guarantor participant study trialsubject enrollee dependent case \
        prescription rx accession specimen claim order referral authorization donor sample",
    ),
    (
        "id",
        Class::Id,
        false,
        "healthplan insurance policy groupnumber groupno medicare medicaid mbi hicn hic healthinsurance versichertennummer versichertennr \
        krankenversicherungsnummer krankenversicherungsnr krankenversichertennummer kvnr mutuelle mutuellen numerodemutuelle numeroadherent adherent numerodepoliza poliza \
        tarjetasanitaria cip cipa numerodetarjetasanitaria insurancepolicy plan",
    ),
    (
        "account",
        Class::Number,
        false,
        "account acct bankaccount billingaccount patientaccount konto kontonummer kontonr compte numerodecompte comptebancaire cuenta cuentabancaria \
        numerodecuenta iban routing creditcard card kreditkarte kreditkartennummer tarjetadecredito cartebancaire",
    ),
    (
        "licence",
        Class::Id,
        false,
        "driverslicense driverslicence driverlicense driverlicence drivinglicence drivinglicense drivers license licence dl lanr bsnr medicallicense certificate \
        professionallicense npi dea deanumber passport passeport pasaporte reisepass reisepassnummer passnummer fuhrerschein fuhrerscheinnummer \
        personalausweis personalausweisnummer ausweisnummer permisdeconduire permisodeconducir carnetdeconducir carnetdeidentidad \
        cartedidentite birthcertificate",
    ),
    (
        "vehicle",
        Class::Id,
        false,
        "vin vehicleid vehicleidentification chassis fahrgestellnummer fahrzeugidentifikationsnummer fin numerodechassis bastidor numerodebastidor",
    ),
    (
        "device",
        Class::Id,
        false,
        "deviceserial implantserial pumpserial pacemakerserial sensorserial meterserial transmitterserial deviceid serialnumber serialno seriennummer seriennr geratenummer \
        numerodeserie nserie imei udi deviceidentifier carrierhrf implantid lotandserial",
    ),
];

/// Where the tail may not be left out: without it the word stands in front of anything.
const TAIL_NEEDED: &[&str] = &[
    "dl",
    "account",
    "acct",
    "card",
    "case",
    "certificate",
    "chart",
    "chassis",
    "claim",
    "compte",
    "cuenta",
    "dependent",
    "dossier",
    "drivers",
    "encounter",
    "fin",
    "hospital",
    "insurance",
    "konto",
    "licence",
    "license",
    "member",
    "order",
    "pat",
    "patient",
    "plan",
    "policy",
    "pt",
    "referral",
    "routing",
    "rx",
    "sample",
    "specimen",
    "study",
    "subject",
    "visit",
    "adherent",
    "insured",
    "guarantor",
    "subscriber",
    "beneficiary",
    "participant",
    "donor",
    "healthplan",
    "prescription",
    "accession",
    "authorization",
    "enrollee",
    "expediente",
    "hic",
    "cip",
    "nip",
    "dea",
    "mutuelle",
    "poliza",
    "bankaccount",
    "billingaccount",
    "healthrecord",
    "medicalrecord",
    "trialsubject",
    "healthinsurance",
];

/// Labels that want a separator although they are numbers, because logs of machines have them in sentences.
const STRICT_NUMBERS: &[&str] = &[
    "serialnumber",
    "serialno",
    "deviceid",
    "fin",
    "cip",
    "nip",
    "hic",
    "orderid",
    "orderno",
    "caseid",
    "ordernumber",
    "planid",
    "cardno",
    "cardid",
];

/// What a label and a tail spell that is another word: `DEA n`.
const OTHER_WORDS: &[&str] = &["dean"];

/// All labels.
pub static LABELS: LazyLock<BTreeMap<String, Label>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for (tag, class, strict, not_of_machines, phrases) in ROWS {
        for phrase in phrases.split_whitespace() {
            let label = Label { tag, class: *class, strict: *strict, not_of_machines: *not_of_machines, sharp: false };
            all.insert(phrase.to_owned(), label);
        }
    }
    for who in PEOPLE.split_whitespace() {
        let label = Label { tag: "name", class: Class::Name, strict: false, not_of_machines: false, sharp: false };
        all.entry(who.to_owned()).or_insert(label);
        for tail in ["name", "named", "fullname", "firstname", "lastname", "middlename", "legalname", "names"] {
            all.insert(format!("{who}{tail}"), label);
        }
    }
    for (tag, class, strict, phrases) in NUMBERED {
        for (phrase, tail) in phrases.split_whitespace().flat_map(|p| TAILS.iter().map(move |t| (p, *t))) {
            let sharp = tail.is_empty() && TAIL_NEEDED.contains(&phrase);
            let name = format!("{phrase}{tail}");
            let strict = *strict || STRICT_NUMBERS.contains(&name.as_str());
            let label = Label { tag, class: *class, strict, not_of_machines: false, sharp };
            all.entry(name).or_insert(label);
        }
    }
    all.retain(|name, _| !OTHER_WORDS.contains(&name.as_str()));
    // Of insurers; with any other tail it is a machine's.
    all.insert(
        "group".to_owned(),
        Label { tag: "id", class: Class::Id, strict: false, not_of_machines: false, sharp: true },
    );
    all
});

/// The longest phrase.
pub static LONGEST: LazyLock<usize> = LazyLock::new(|| LABELS.keys().map(String::len).max().unwrap_or(0));

/// Words before `name` or `address` that say it is a machine's.
pub const OF_MACHINES: &[&str] = &[
    "host",
    "file",
    "user",
    "unit",
    "model",
    "product",
    "device",
    "vendor",
    "service",
    "table",
    "archive",
    "class",
    "method",
    "domain",
    "group",
    "process",
    "image",
    "node",
    "system",
    "package",
    "server",
    "database",
    "db",
    "job",
    "queue",
    "channel",
    "event",
    "rule",
    "check",
    "template",
    "driver",
    "interface",
    "cluster",
    "volume",
    "bucket",
    "config",
    "key",
    "thread",
    "field",
    "column",
    "common",
    "command",
    "module",
    "program",
    "ip",
    "mac",
    "memory",
    "bind",
    "listen",
    "network",
    "email",
    "mail",
    "machine",
    "bus",
    "object",
    "path",
    "policy",
    "profile",
    "realm",
    "schema",
    "session",
    "subject",
    "issuer",
    "tag",
    "task",
    "type",
    "variable",
    "zone",
    "canonical",
    "pretty",
    "os",
    "cpu",
    "board",
    "bios",
    "chassis",
    "journal",
    "hardware",
];
