export interface BenchmarkOptions {
  readonly rounds: number
  /** Of a benchmark of several things: those alone whose name has this in it. */
  readonly only: string
  /** A line for people. */
  readonly say: (line: string) => void
  /** Somebody wants it to end: what was started is still taken away. */
  readonly signal: AbortSignal
}

export interface Benchmark {
  readonly about: string
  /** How many rounds without `--rounds`; what a round is differs. */
  readonly rounds: number
  /** Rejects when something went wrong; a missed aim is a figure and no error. */
  readonly run: (options: BenchmarkOptions) => Promise<Readonly<Record<string, unknown>>>
}
