/** Somebody removes the home's rules from the kernel, while Larder runs and while it is away. Other homes of the machine keep theirs. */
import { setTimeout as delay } from 'node:timers/promises'
import { tableOf } from '../packages/service/src/host/balancer.ts'
import { listTables } from '../packages/service/src/host/nftables.ts'
import { runTool } from '../packages/service/src/host/tool.ts'
import { slowness } from '../packages/service/src/testing/busy-machine.ts'
import { infoOf } from './asking.ts'
import { type Fault, harmless, type Scene } from './scene.ts'
import { needed } from './tools.ts'

const toolDeadlineMs = 10_000 * slowness
/** It takes some ten milliseconds, without Larder some hundred. */
const backDeadlineMs = 5_000 * slowness

const hasTable = async (nft: readonly string[], table: string): Promise<boolean> => (await listTables(nft)).includes(table)

/** Tables of one home. */
export const removeTables = async (nft: readonly string[], table: string): Promise<number> => {
  const found = (await listTables(nft)).filter((name) => name === table || name === `${table}_guard`)
  for (const name of found) await runTool([...nft, 'delete', 'table', 'ip', name], { deadlineMs: toolDeadlineMs })
  return found.length
}

const readable = async ({ ward }: Scene): Promise<boolean> => {
  const readers = ward.shards.flatMap(({ reader }) => (reader === null ? [] : [reader]))
  try {
    const roles = await Promise.all(readers.map(async (reader) => (await infoOf(reader, 'replication')).get('role')))
    return roles.every((role) => role === 'slave')
  } catch (error) {
    if (error instanceof Error) return false // refused as long as the rules are gone
    throw error
  }
}

const removeAndWait = async (scene: Scene, when: string): Promise<void> => {
  const nft = needed(scene.tools.nft, 'nft')
  const table = await tableOf(scene.ward.service.home)
  const count = await removeTables(nft, table)
  if (count === 0) throw new Error(`expected rules of the home in the kernel ${when}, found none`)
  const from = performance.now()
  while (!((await hasTable(nft, table)) && (await readable(scene)))) {
    if (performance.now() > from + backDeadlineMs)
      throw new Error(`the rules of the home are not back ${backDeadlineMs} ms after they were removed ${when}`)
    await delay(5)
  }
  scene.tell(`${count} tables removed ${when}, read from again after ${(performance.now() - from).toFixed(0)} ms`)
}

export const rules: Fault = {
  ...harmless,
  name: 'rules',
  needs: 'nft',
  roles: 'stay',
  most: 0,
  suits: () => false,
  inject: async (scene) => {
    const { service } = scene.ward
    const times = scene.draw.whole(1, 3)
    const [pauseMs, awayMs] = [scene.draw.whole(0, 300), scene.draw.whole(0, 1_000)]
    for (let time = 0; time < times; time += 1) {
      await removeAndWait(scene, 'while Larder runs')
      await delay(pauseMs)
    }
    scene.tell(`SIGKILL Larder (process ${service.pid()})`)
    await service.kill()
    await delay(awayMs)
    for (let time = 0; time < times; time += 1) await removeAndWait(scene, 'while Larder is away')
    await service.start()
    scene.tell(`Larder is back (process ${service.pid()})`)
    await removeAndWait(scene, 'right after the start')
  },
}
