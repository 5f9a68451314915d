/** `nft monitor`: the kernel tells of every rule that somebody makes or removes. */
import { LarderError } from '../../errors.ts'
import { startChild } from './child.ts'
import { stampIn } from './rule-file.ts'

/** A rule of this table came or went; `stamp` is that of the rule that came last of a table of ours. */
export interface RuleEvent {
  readonly table: string
  readonly stamp: string | null
}

const change = /^(\w+) rule ip (\S+) /

/** Null: it tells of something else. `'lost'`: the kernel had more to tell than was read in time. */
export const eventIn = (line: string): RuleEvent | 'lost' | null => {
  const found = change.exec(line)
  if (found === null) return /lost|overrun/i.test(line) ? 'lost' : null
  const [, verb, table = ''] = found
  return { table, stamp: verb === 'add' ? stampIn(line) : null }
}

/** A line of a rule with a thousand addresses has some 20 kB. */
const longestLine = 1024 * 1024
/** nft keeps some 200 bytes of each line for good. */
const mostLines = 50_000

/** The shell ends nft when Larder ends, also when Larder is killed: nft itself would find out with the next event, which may never come. */
const script = '"$@" & told=$!; exec >&- 2>&-; read -r _; kill $told'

/** Resolves when nft has ended, or has told enough; rejects with `machine` where it could not be started or ends at once. */
export const followRules = async (
  nft: readonly string[],
  signal: AbortSignal,
  { onStart, onEvent }: { readonly onStart: () => void; readonly onEvent: (event: RuleEvent | 'lost') => void },
): Promise<void> => {
  signal.throwIfAborted()
  const child = await startChild(['/bin/sh', '-c', script, 'sh', ...nft, 'monitor', 'rules'])
  let rest = ''
  let lines = 0
  const stop = (): void => {
    child.stdin.end()
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  child.stderr.resume()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > longestLine) rest = ''
    lines += parts.length
    for (const part of parts) {
      const event = eventIn(part)
      if (event !== null) onEvent(event)
    }
    if (lines > mostLines) stop()
  })
  const startedAt = performance.now()
  onStart()
  try {
    await new Promise<void>((resolve) => {
      child.stdout.once('close', resolve)
    })
    if (!signal.aborted && lines === 0 && performance.now() - startedAt < 2_000)
      throw new LarderError('machine', 'nft monitor ended at once', { retry: true })
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}
