/**
 * The keeper puts back what somebody flushes while Larder is away. A shell of some 100 kB that waits, without any work, for the end of Larder: Larder holds a
 * pipe open, which the kernel closes with it, however it ends. Then it follows `nft monitor` and puts the files of this folder in force when
 * something of them goes. The next Larder ends it as soon as it has put everything in force itself, and starts another one.
 */
import { closeSync, constants, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { ProcessIdentity } from '../../model/group.ts'
import type { Host } from '../../ports/host.ts'
import type { Log } from '../../ports/log.ts'
import { runChild } from './child.ts'

const deadlineMs = 5_000
const politeMs = 1_000

/**
 * Plain `sh`. `$1` is the folder, the rest is how nft is run. Every process of it is in one group, which ends as a whole. Where the
 * home is gone with all in it, its tables go too: their addresses may be another home's by now. Only a change that is not its own
 * makes it act: after it has put the tables in force it passes over what is told until the last rule of the last table.
 */
const script = `folder=$1
cd "$folder" || exit 0
shift
bases=
for file in ./*.nft; do
  [ -e "$file" ] || continue
  name=\${file#./}
  name=\${name%.nft}
  bases="$bases \${name%_guard}"
done
trap 'trap - TERM; kill -TERM 0' TERM
exec 3<>serving 4<serving 3>&-
while read -r _; do :; done <&4 &
exec 4<&-
wait
times=0
ended() {
  if [ ! -d "$folder" ]; then
    for base in $bases; do
      for table in "$base" "\${base}_guard"; do "$@" delete table ip "$table" 2>/dev/null; done
    done
  fi
  kill -TERM 0
}
put() {
  kill -0 $$ 2>/dev/null || kill -TERM 0
  waiting=
  for file in ./*.nft; do
    [ -e "$file" ] || ended "$@"
    waiting=\${file#./}
    waiting=\${waiting%.nft}
  done
  cat ./*.nft | "$@" -f - 2>/dev/null || waiting=
  times=$((times + 1))
  if [ $times -gt 20 ]; then sleep 1; else sleep 0.1 2>/dev/null || sleep 1; fi
}
tell() {
  "$@" monitor rules 2>/dev/null &
  monitor=$!
  while sleep 20 && echo tick && kill -0 $$ 2>/dev/null; do :; done
  kill $monitor
}
keep() {
  sleep 0.2 2>/dev/null || sleep 1
  put "$@"
  while read -r verb kind family table chain rest; do
    if [ "$verb" = tick ]; then
      for file in ./*.nft; do [ -e "$file" ] || ended "$@"; done
      [ $times -gt 1 ] && echo "rules were put in force again, times: $times"
      times=0
      table=\${file#./}
      if [ -n "$waiting" ] || ! "$@" list chain ip "\${table%.nft}" stamp >/dev/null 2>&1; then put "$@"; fi
    elif [ "$kind" = rule ] && [ "$family" = ip ] && [ -e "./$table.nft" ]; then
      if [ -z "$waiting" ]; then put "$@"
      elif [ "$verb" = add ] && [ "$table" = "$waiting" ] && [ "$chain" = stamp ]; then waiting=
      fi
    fi
  done
}
{ while :; do tell "$@" | keep "$@"; sleep 1; done; } &
wait
`

export interface Keeper {
  /** Starts one where none is. */
  ensure(): Promise<void>
  /** Ends all that there are. */
  end(): Promise<void>
  /** Larder ends: the keeper takes over. */
  release(): void
}

interface KeeperOptions {
  readonly folder: string
  readonly nft: readonly string[]
  readonly host: Pick<Host, 'start' | 'check' | 'findByTag' | 'signal' | 'waitGone' | 'writeFile'>
  readonly log: Log
}

export const createKeeper = ({ folder, nft, host, log }: KeeperOptions): Keeper => {
  const file = join(folder, 'keeper.sh')
  const pipe = join(folder, 'serving')
  let held: number | null = null
  let mine: ProcessIdentity | null = null

  const end = async (): Promise<void> => {
    mine = null
    for (const identity of await host.findByTag(file)) {
      if (!(await host.signal(identity, file, 'SIGTERM'))) continue
      try {
        await host.waitGone(identity, AbortSignal.timeout(politeMs))
      } catch (error) {
        log('warn', 'the keeper of the rules did not end when asked, and is killed', { error })
        await host.signal(identity, file, 'SIGKILL')
        await host.waitGone(identity, AbortSignal.timeout(deadlineMs))
      }
    }
  }

  return {
    async ensure() {
      if (mine !== null && (await host.check(mine, file)) === 'running') return
      if (!existsSync(pipe)) await runChild(['mkfifo', '-m', '600', pipe], { signal: AbortSignal.timeout(deadlineMs) })
      // For reading and writing: it does not wait for anybody at the other end.
      held ??= openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
      await end() // that of an earlier Larder, which acts until now
      await host.writeFile(file, script)
      mine = await host.start({
        command: ['/bin/sh', file, folder, ...nft],
        environment: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
        cwd: folder,
        logFile: join(folder, 'keeper.log'),
        tag: file,
      })
      log('debug', 'a keeper of the rules waits for the end of Larder', { pid: mine.pid })
    },
    end,
    release() {
      if (held !== null) closeSync(held)
      held = null
    },
  }
}
