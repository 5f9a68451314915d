/** An nft that is no nft: a program of a test's own that behaves as a file says. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log } from '../../ports/log.ts'
import { openTestFilter } from '../testing.ts'
import type { PacketFilter } from './packet-filter.ts'
import type { WriterTiming } from './table-writer.ts'

/**
 * `one` and `all` say how it behaves when it is one process for one change, and when it stays; the answer of a table that is put in force is its text in
 * the file `kernel`. A hang ends with the process: nothing is left behind.
 */
const program = `#!/bin/sh
here=\${0%/*}
behave() {
  case $(cat "$here/$1") in
    slow) sleep 2 ;;
    hang) exec sleep 1000 ;;
    late) while [ ! -e "$here/go" ]; do sleep 0.02; done ;;
    die) exit 1 ;;
    rubbish) i=0; while [ $i -lt 3000 ]; do echo "what is this $i, what is this $i" >&2; i=$((i + 1)); done ;;
    wrong) echo 'include "./answered-77"' >&2 ;;
    refuse) echo 'Error: Could not process rule: No such file or directory' >&2; return 1 ;;
  esac
  return 0
}
if [ "$1" = -i ]; then
  echo all >> "$here/started"
  while read -r line; do
    case $line in
      *answered*) printf 'Error: File not found: %s\\n%s\\n        ^^^^^^\\n' "$line" "$line" >&2 ;;
      include*) file=\${line#include \\"./}; file=\${file%\\"}; behave all && cp "$file" "$here/kernel" ;;
      *) behave all && : > "$here/kernel" ;;
    esac
  done
elif [ "$1" = -f ]; then
  echo one >> "$here/started"
  text=$(cat)
  behave one || exit 1
  printf '%s\\n' "$text" > "$here/kernel"
else
  exit 1
fi
`

type Behaviour = 'well' | 'slow' | 'hang' | 'late' | 'die' | 'rubbish' | 'wrong' | 'refuse'

export interface FakeNft {
  readonly home: string
  /** The folder of the rules. */
  readonly folder: string
  readonly filter: PacketFilter
  /** `all`: the one that stays; `one`: a process for each change. */
  behave(who: 'all' | 'one', how: Behaviour): void
  /** Those that are `late` go on. */
  go(): void
  /** Which rule is in force, of those that `content` makes; -1: none. */
  inForce(): number
  started(who: 'all' | 'one'): number
}

/** A table that says nothing but its number. */
export const content = (number: number) => ({ text: `table ip larder_x {\n  chain n${number} {\n  }\n}\n`, note: `${number}` })

export const withFakeNft = async (
  body: (fake: FakeNft) => Promise<void>,
  { timing = {}, log }: { readonly timing?: Partial<WriterTiming>; readonly log?: Log } = {},
): Promise<void> => {
  const home = mkdtempSync(join(tmpdir(), 'larder-test-'))
  const ending = new AbortController()
  const path = join(home, 'nft')
  const put = (name: string, text: string): void => writeFileSync(join(home, name), text)
  const read = (name: string): string => readFileSync(join(home, name), 'utf8')
  try {
    put('nft', program)
    chmodSync(path, 0o700)
    for (const name of ['all', 'one']) put(name, 'well')
    for (const name of ['kernel', 'started']) put(name, '')
    await body({
      home,
      folder: join(home, 'packet-filter'),
      filter: await openTestFilter(home, ending.signal, { command: [path], timing, ...(log === undefined ? {} : { log }) }),
      behave: (who, how) => put(who, how),
      go: () => put('go', ''),
      inForce: () => Number(/chain n(\d+)/.exec(read('kernel'))?.[1] ?? -1),
      started: (who) =>
        read('started')
          .split('\n')
          .filter((line) => line === who).length,
    })
  } finally {
    ending.abort()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}
