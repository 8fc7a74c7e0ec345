// The bicycle hire of an invented town. One CSV with a header for each table, named after it.
CREATE NODE TABLE District(name STRING PRIMARY KEY, residents INT64, hilly BOOLEAN);
CREATE NODE TABLE Station(name STRING PRIMARY KEY, docks INT64, opened DATE, sheltered BOOLEAN);
CREATE NODE TABLE Bike(id STRING PRIMARY KEY, kind STRING, bought INT64);
CREATE NODE TABLE Workshop(name STRING PRIMARY KEY, mechanics INT64);
CREATE REL TABLE IN_DISTRICT(FROM Station TO District);
CREATE REL TABLE LEADS_TO(FROM Station TO Station, metres INT64, minutes INT64);
CREATE REL TABLE PARKED_AT(FROM Bike TO Station, since DATE);
CREATE REL TABLE REPAIRED_BY(FROM Bike TO Workshop, day DATE, fault STRING, cost INT64);
CREATE REL TABLE LOOKS_AFTER(FROM Workshop TO District);
