/** What a process shows the database to be let in. */

export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface Credentials {
  /** For a new connection: what is kept while it is good, otherwise anew. Rejects with a CredentialsError where a person has to mend something. */
  login(): Promise<Login>;
  /** The database has refused it: the next `login` asks anew. */
  forget(): void;
}
