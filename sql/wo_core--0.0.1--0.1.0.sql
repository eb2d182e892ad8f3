-- From 0.0.1 to 0.1.0: the enforcement layer's new functions, as the script of 0.1.0 makes them, then the records.
\echo Use "ALTER EXTENSION wo_core UPDATE" to load this file. \quit

CREATE FUNCTION wo_private."lifecycle_diagram"(
	"name" TEXT, /* Option < & str > */
	"definition" TEXT, /* Option < & str > */
	"format" TEXT /* Option < & str > */
) RETURNS TEXT /* String */
STABLE PARALLEL RESTRICTED
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'lifecycle_diagram_wrapper';

CREATE FUNCTION wo_private."table_problems"() RETURNS TEXT[] /* Vec < String > */
STRICT STABLE PARALLEL RESTRICTED
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'table_problems_wrapper';

select wo_private.migrate();
