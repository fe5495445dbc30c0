// Package mysql8 runs every statement of the store against an embedded server
// that speaks MySQL 8, as a second opinion beside MariaDB: the SQL stays within
// what both accept. What transactions promise is not tested here, for that
// server keeps its tables in memory and hardly isolates them.
package mysql8
