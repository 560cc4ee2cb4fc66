//! Names that the same person goes by, as a table; each row is one name, written as names are compared.

const NICKNAMES: &[&[&str]] = &[
    &["abigail", "aby"],
    &["alexander", "alex", "sascha", "sasha", "xander", "alec"],
    &["alexandra", "alex", "sandra", "sascha", "sasha"],
    &["andreas", "andi", "andy"],
    &["andrew", "andy", "drew"],
    &["anthony", "tony"],
    &["antonia", "toni"],
    &["benjamin", "ben", "beni", "beny"],
    &["catherine", "katherine", "kate", "katie", "kathy", "cathy", "kat"],
    &["charles", "charlie", "chuck"],
    &["christian", "chris"],
    &["christina", "christine", "chris", "tina"],
    &["christopher", "chris", "toph", "kit"],
    &["daniel", "dan", "dany"],
    &["david", "dave"],
    &["edward", "ed", "edie", "ted", "edy"],
    &["elizabeth", "elisabeth", "liz", "beth", "lisa", "eliza", "bety", "lizy", "sisi"],
    &["frederick", "fred", "fredy"],
    &["friedrich", "fritz"],
    &["gabriele", "gabi", "gaby"],
    &["gregory", "greg"],
    &["grzegorz", "grzesiek"],
    &["hana", "hanah", "johana", "hane"],
    &["hans", "johanes", "johan", "hanes"],
    &["henry", "hary", "hank"],
    &["jakob", "jacob", "jake"],
    &["james", "jim", "jimy", "jamie"],
    &["jenifer", "jen", "jeny"],
    &["jesica", "jes", "jesie"],
    &["john", "jack", "johny", "jon", "jonathan"],
    &["josef", "joseph", "sep", "jo", "joy", "pep", "jose", "pepe"],
    &["katarzyna", "kasia"],
    &["katharina", "kathi", "kati", "katrin", "katja"],
    &["lawrence", "lary"],
    &["lukas", "lucas", "luke", "luc"],
    &["margaret", "magie", "meg", "peg", "pegy", "margarete", "greta", "gretel"],
    &["mathew", "mathias", "mat", "matias"],
    &["maximilian", "max"],
    &["michal", "mike", "mick", "mickey", "michi"],
    &["nicholas", "nick", "niklas", "nikolas", "nikolaus", "klaus", "nicolas"],
    &["patricia", "pat", "paty", "trish"],
    &["patrick", "pat", "pady"],
    &["peter", "pete"],
    &["philip", "phil"],
    &["rebeca", "beca", "becky"],
    &["richard", "rick", "dick", "rich", "ricky"],
    &["robert", "rob", "bob", "boby", "roby", "bert"],
    &["ronald", "ron"],
    &["samul", "sam", "samy"],
    &["samantha", "sam"],
    &["stephen", "steven", "steve", "stefan", "stephan"],
    &["susan", "su", "susane", "suzane", "susi"],
    &["theodor", "theodore", "ted", "theo"],
    &["thomas", "tom", "tomy"],
    &["timothy", "tim"],
    &["ursula", "uschi", "uli"],
    &["ulrich", "uli"],
    &["victoria", "vicky", "viky", "tori"],
    &["wiliam", "wil", "bil", "liam", "wilhelm", "wily", "wili"],
    &["zachary", "zach", "zack", "zak"],
];

/// Whether one person may go by both.
pub(super) fn same_nickname(one: &str, other: &str) -> bool {
    NICKNAMES.iter().any(|names| names.contains(&one) && names.contains(&other))
}

/// Every name of the table.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    NICKNAMES.iter().flat_map(|names| names.iter().copied())
}
