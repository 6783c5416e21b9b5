/** Environment variables as values; never `process.env` itself, so that every call says what it passes on. */
export type Environment = Readonly<Record<string, string>>;
