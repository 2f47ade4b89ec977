//! Addresses of houses, as five countries write them.

use super::{Pattern, WORD, row};

/// Every suffix of USPS Publication 28, appendix C1, in the singular; what people write short as well.
const STREETS: &str = "Alley|Annex|Arcade|Avenue|Ave|Bayou|Beach|Bend|Bluff|Bottom|Boulevard|Blvd|Branch|Bridge|Brook|Burg|Bypass|Camp|Canyon|Cape|Causeway|Center|Circle|Cir|Cliff|Club|Common|Corner|Course|Court|Ct|Cove|Creek|Crescent|Crest|Crossing|Crossroad|Curve|Dale|Dam|Divide|Drive|Dr|Estate|Expressway|Extension|Fall|Ferry|Field|Flat|Ford|Forest|Forge|Fork|Fort|Freeway|Garden|Gateway|Glen|Green|Grove|Harbor|Haven|Heights|Highway|Hwy|Hill|Hollow|Inlet|Island|Isle|Junction|Key|Knoll|Lake|Landing|Land|Lane|Ln|Light|Loaf|Lock|Lodge|Loop|Mall|Manor|Meadow|Mew|Mill|Mission|Motorway|Mountain|Mount|Neck|Orchard|Oval|Overpass|Park|Parkway|Pkwy|Pass|Passage|Path|Pike|Pine|Place|Pl|Plain|Plaza|Point|Port|Prairie|Radial|Ramp|Ranch|Rapid|Rest|Ridge|River|Road|Rd|Route|Row|Rue|Run|Shoal|Shore|Skyway|Spring|Spur|Square|Station|Stravenue|Stream|Street|St|Summit|Terrace|Ter|Throughway|Trace|Track|Trafficway|Trail|Trl|Tunnel|Turnpike|Underpass|Union|Valley|Via|Viaduct|View|Village|Ville|Vista|Walk|Wall|Way|Well";
const STATES: &str = "A[AEKLPRSZ]|C[AOT]|D[CE]|F[LM]|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEHINOPST]|N[CDEHJMVY]|O[HKR]|P[ARW]|RI|S[CD]|T[NX]|UT|V[AIT]|W[AIVY]";
/// A postcode of the United Kingdom (BS 7666): the areas that exist, and an end that is no unit of memory.
const POSTCODE: &str = "(?:A[BL]|B[ABDHLNRST]?|C[ABFHMORTVW]|D[ADEGHLNTY]|E[CHNX]?|F[KY]|G[LUY]?|H[ADGPRSUX]|I[GMPV]|JE|K[ATWY]|L[ADELNSU]?|M[EKL]?|N[EGNPRW]?|O[LX]|P[AEHLOR]|R[GHM]|S[AEGKLMNOPRSTWY]?|T[ADFNQRSW]|UB|W[ACDFNRSV]?|YO|ZE)[0-9][0-9A-HJKMNP-Y]? [0-9](?:[ABD-FHJLNP-UW-Z][ABD-HJLNP-UW-Z]|G[ADEF-HJLNP-UW-Z])";

pub fn rows() -> Vec<Pattern> {
    let town = format!(
        r"{WORD}(?:[ /](?:(?:de la|de los|de|del|la|las|am|an der|an|im|in|ob der|bei|auf|vorm|vor|sur|en|upon|on|of) )?{WORD}){{0,4}}"
    );
    let next = r"(?:, ?|\n|\\n| )";
    let unit = r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Floor|Piso|Puerta|#)\.? ?[A-Za-z0-9-]{1,6} ?)?";
    let us = format!(r"(?:{next}{town},? (?:{STATES})(?: [0-9]{{5}}(?:-[0-9]{{4}})?)?)?");
    let uk = format!(r"(?:{next}{town}{next}{POSTCODE})?");
    let code = format!(r"(?:{next}[0-9]{{5}} {town}|{next}{town}, [0-9]{{5}})");
    let spanish = "Acceso|Alameda|Avenida|Avda\\.?|Bajada|Barrio|Calle|C/|Callej[oó]n|Camino|Cañada|Carretera|C[aá]ll[eé]|Cuesta|Glorieta|Parque|Pasadizo|Pasaje|Paseo|Plaza|Rambla|Ronda|Sector|Traves[ií]a|Urbanizaci[oó]n|V[ií]a|Vial|C\\.|Pza\\.|Ctra\\.";
    vec![
        row("address", &format!(r"(?-u:\b)(?P<v>(?:(?:Flat|Studio) [0-9A-Z]{{1,5}}(?:, ?|\n|\\n))?[0-9]{{1,6}}[A-Z]? (?:[NSEW]{{1,2}}\.? )?(?:{WORD} |[0-9]{{1,3}}(?:st|nd|rd|th) ){{1,3}}(?:{STREETS})s?(?-u:\b)\.?{unit}(?:{next}{town}{next}{POSTCODE}|{us}))(?-u:\b)")),
        row("address", &format!(r"(?-u:\b)(?:Flat|Studio) [0-9]{{1,3}}[A-Z]?(?:, ?|\n|\\n){WORD}(?: {WORD})? (?:{STREETS})s?(?-u:\b){uk}")).hinted(&["Flat ", "Studio "]),
        row("address", r"(?-u:\b)(?i-u:p\.?o\.? box) [0-9]{1,7}(?-u:\b)").hinted(&["ox ", "OX "]),
        row("address", &format!(r"{WORD}(?: {WORD}){{0,2}},? (?:{STATES}) [0-9]{{5}}(?:-[0-9]{{4}})?(?-u:\b)")),
        row("address", &format!(r"(?-u:\b){POSTCODE}(?-u:\b)")),
        // Germany: `Gerd-Schäfer-Straße 899, 10115 Berlin`.
        row("address", &format!(r"(?:{WORD}(?:straße|strasse|str\.|weg|platz|allee|gasse|damm)|(?:{WORD} )?{WORD}-(?:Straße|Strasse|Str\.|Weg|Platz|Allee|Gasse|Ring|Ufer|Damm)|(?:Am|An der|Im|In der|Auf dem|Zum|Zur) {WORD}(?:straße|weg|platz)) [0-9]{{1,4}}(?:(?: ?[a-h])?(?-u:\b)(?:[/-][0-9]{{1,3}})?){code}?")).hinted(&["stra", "Stra", "str.", "Str.", "weg ", "Weg ", "latz ", "llee ", "asse ", "amm ", "Ring ", "Ufer "]),
        row("address", &format!(r"{WORD}(?:ring|ufer) [0-9]{{1,4}}(?:(?: ?[a-h])?(?-u:\b)(?:[/-][0-9]{{1,3}})?){code}")).hinted(&["ring ", "ufer "]),
        // France: `12, rue de Grenier, 75001 Paris`; a word that is English as well wants the comma or the code.
        row("address", &format!(r"(?-u:\b)[0-9]{{1,4}}(?: ?(?:bis|ter))?,? (?:(?i-u:rue|avenue|boulevard|chemin|impasse|quai)|[Aa]llée) (?:de la |de l'|de |du |des |d')?{WORD}(?:[ -](?:de |du |la |le )?{WORD}){{0,3}}{code}?")).hinted(&["rue ", "Rue ", "venue ", "oulevard ", "hemin ", "mpasse ", "uai ", "llée "]),
        row("address", &format!(r"(?-u:\b)[0-9]{{1,4}}(?: ?(?:bis|ter))?, (?i-u:place|route|cours|square|passage) (?:de la |de l'|de |du |des |d')?{WORD}(?:[ -](?:de |du |la |le )?{WORD}){{0,3}}{code}?")).hinted(&["lace ", "oute ", "ours ", "quare ", "assage "]),
        // Spain: `Avenida de Luciana Cuenca 12 Apt. 97, 28013 Madrid`.
        row("address", &format!(r"(?-u:\b)(?:{spanish}) (?:de la |de los |de las |del |de )?{WORD}(?:[ -](?:de la |de los |de |del |y )?{WORD}){{0,4}},? [0-9]{{1,4}}(?-u:\b){unit}{code}?")).hinted(&["cceso ", "lameda ", "venida ", "vda", "ajada ", "arrio ", "alle ", "C/", "allej", "amino ", "añada ", "arretera ", "uesta ", "lorieta ", "arque ", "asadizo ", "asaje ", "aseo ", "laza ", "ambla ", "onda ", "ector ", "raves", "rbaniz", "ía ", "ia ", "ial ", "C. ", "za. ", "tra. "]),
    ]
}
