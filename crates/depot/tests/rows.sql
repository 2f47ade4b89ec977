-- One row of everything that is only ever added, and a release that is pending.
INSERT INTO roots VALUES (1, x'00', 0);
INSERT INTO releases VALUES (1, 'clinic-001', 1, 1, x'00', x'00', 0, 1);
INSERT INTO releases VALUES (2, 'clinic-001', 1, 1, x'00', x'00', 0, NULL);
INSERT INTO keys VALUES (1, 'clinic-001', x'00');
INSERT INTO evidence VALUES (1, 1, 1, x'00', 0, x'00', x'00');
INSERT INTO logs VALUES (1, 'clinic-001', 1, 'o', NULL, 1, x'00', '', 0, 1);
INSERT INTO entries VALUES (1, 0, x'00', 1, NULL);
INSERT INTO log_batches VALUES ('clinic-001', x'00', x'00', 'access', 1, 2, 3, 1, 1, 4);
INSERT INTO log_batches_gone VALUES ('clinic-001', x'00', x'01', 'access', 0, 1, 2, 1, 3, 5);
