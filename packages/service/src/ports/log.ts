/** One line for each thing that happened. Never a secret. An `Error` among the fields is written with its message and its causes. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void
