/** `larder zone`: which availability zones are up; `larder zone down ZONE` ends everything in one as a drill, `up` lets it come back. */
import { LarderError } from '../errors.ts'
import { isRegion } from '../model/zones.ts'
import { currentAccess } from './access.ts'
import { call } from './call.ts'
import { currentReport } from './report.ts'
import { print } from './terminal.ts'

const usage = 'expected: larder zone [down ZONE | up ZONE], for example: larder zone down us-east-1b'
const deadlineMs = 60_000
const pollMs = 20

const table = (answer: string): string =>
  [...answer.matchAll(/<ZoneName>([^<]+)<\/ZoneName><State>([^<]+)<\/State>(?:<DownSince>([^<]+)<\/DownSince>)?/g)]
    .map(([, zone, state, since]) => `${zone}  ${state}${since === undefined ? '' : ` since ${since}`}\n`)
    .join('')

const stillRuns = async (zone: string): Promise<readonly string[]> =>
  (await currentReport()).groups.flatMap((group) =>
    group.shards.flatMap((shard) => shard.nodes.filter((node) => node.zone === zone && node.pid !== null).map((node) => node.id)),
  )

/** The drill has begun when nothing of the zone runs any more. */
const untilEmpty = async (zone: string): Promise<void> => {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const running = await stillRuns(zone)
    if (running.length === 0) return
    if (performance.now() > deadline)
      throw new LarderError('deadline', `${running.join(', ')} still run after ${deadlineMs / 1000} s; larder status says why`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

export const zone = async ([what, name, ...rest]: readonly string[]): Promise<number> => {
  const access = currentAccess()
  if (what === undefined) {
    print(table(await call(access, access.region, 'DescribeZones', {})))
    return 0
  }
  const region = name?.slice(0, -1) ?? ''
  if ((what !== 'down' && what !== 'up') || name === undefined || rest.length > 0 || !isRegion(region))
    throw new LarderError('usage', usage)
  const answer = await call(access, region, what === 'down' ? 'StopZone' : 'StartZone', { Zone: name })
  if (what === 'down') await untilEmpty(name)
  print(table(answer))
  return 0
}
