/** A primary that dies while the kernel's rules are being changed, by an `nft` that takes long. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findTool } from '../packages/service/src/engines/tools.ts'
import { available, create, primaryOf } from './support/groups.ts'
import { type StatusNode, startTestService, type TestService, until } from './support/service.ts'
import { startWriter, type Writer } from './support/writing.ts'

const id = 'slow'

/** A folder with an `nft` that takes 2 s for whatever it is asked once `slow` was called. */
const slowNft = (nft: readonly string[]): { readonly folder: string; readonly slow: () => void } & Disposable => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-nft-'))
  const flag = join(folder, 'slow')
  const script = `#!/bin/sh\n[ -e ${flag} ] && sleep 2\nexec ${nft.join(' ')} "$@"\n`
  writeFileSync(join(folder, 'nft'), script, { mode: 0o755 })
  return {
    folder,
    slow: () => writeFileSync(flag, ''),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

const running = async (service: TestService, role: StatusNode['role']): Promise<StatusNode & { readonly pid: number }> => {
  const node = (await service.nodes()).find((each) => each.role === role && each.pid !== null)
  assert.ok(node !== undefined && node.pid !== null)
  return { ...node, pid: node.pid }
}

const someWrites = async (writer: Writer): Promise<void> => {
  const before = writer.acknowledged.size
  await until('writes go on', () => writer.acknowledged.size > before + 50)
}

test('a replica dies, and 0.2 s later the primary: nobody waits for an nft that takes 2 s', async (t) => {
  const real = findTool('nft', process.env)
  if (real === null) return t.skip('there is no nft')
  using nft = slowNft(real)
  await using service = await startTestService({ extra: { PATH: `${nft.folder}:${process.env['PATH']}` } })
  const { host, port } = primaryOf(await create(service, id, { NumCacheClusters: 3, MultiAZEnabled: true }))
  await using writer = startWriter({ address: host, port })
  await someWrites(writer)
  nft.slow()
  for (let round = 0; round < 2; round += 1) {
    const [before, replica] = [await running(service, 'primary'), await running(service, 'replica')]
    writer.reset()
    process.kill(replica.pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 200)) // the case: rules are being changed by then
    process.kill(before.pid, 'SIGKILL')
    await someWrites(writer) // nothing that holds this process up before the gap is known
    const gap = writer.gap()
    t.diagnostic(`writes paused for ${Math.round(gap)} ms`)
    assert.ok(gap < 1_000, `writes paused for ${gap} ms`)
    assert.notEqual((await running(service, 'primary')).id, before.id)
    await until(
      'the group is whole',
      async () => (await service.nodes()).every((node) => node.pid !== null && node.status === 'available'),
      40_000,
    )
    await available(service, id)
  }
})
