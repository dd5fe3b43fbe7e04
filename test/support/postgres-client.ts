/** The project's own database client, for the bench: in its folder the name `pg` means the one that the peers bring along. */
export { Client, escapeLiteral, Query, type QueryArrayConfig } from "pg";
