import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstalledEngine } from '../ports/catalog.ts'
import { oldNodes, retiredNodes } from './engine-builds.ts'
import { engineLines } from './engine-text.ts'

const node = (id: string, version: string, pid: number | null) => ({ id, engine: 'valkey' as const, version, pid })

const build = (version: string, path: string, source: InstalledEngine['source'] = 'installed'): InstalledEngine => ({
  engine: 'valkey',
  version,
  source,
  path,
  command: [path],
})

const programs: Readonly<Record<number, string>> = {
  1: '/engines/valkey-9.1/lib/ld.so',
  2: '/engines/valkey-9.1-2/lib/ld.so',
  3: '/usr/bin/valkey-server',
}
const programOf = (pid: number): string | null => programs[pid] ?? null

test('a node runs an old build where its program is not of the folder that the next start takes', () => {
  const engines = [build('9.1.3', '/engines/valkey-9.1-2'), build('9.1.2', '/engines/valkey-9.1')]
  const nodes = [node('old', '9.1.2', 1), node('new', '9.1.3', 2), node('down', '9.1.2', null), node('gone', '9.1.2', 9)]
  assert.deepEqual(oldNodes(nodes, engines, programOf), [
    { node: 'old', engine: 'valkey', version: '9.1.2', newest: '9.1.3', path: '/engines/valkey-9.1-2' },
  ])
})

test('engines of the machine and nodes of another minor version are not compared', () => {
  assert.deepEqual(oldNodes([node('own', '9.1.2', 1)], [build('9.1.2', '/usr/bin/valkey-server', 'path')], programOf), [])
  assert.deepEqual(oldNodes([node('eight', '8.1.1', 1)], [build('9.1.2', '/engines/valkey-9.1-2')], programOf), [])
})

test('what is retired is said once', () => {
  const notices = retiredNodes([node('a', '8.0.1', 1), node('b', '8.0.1', 2), node('c', '9.1.2', 2)])
  assert.equal(notices.length, 1)
  assert.match(notices[0] ?? '', /8\.0\.1 gets no security fixes/)
})

test('an installed engine without security fixes is named as such, with what is taken instead', () => {
  const lines = engineLines(build('8.0.1', '/engines/valkey-8.0'), [])
  assert.match(lines[1] ?? '', /^ +retired +gets no security fixes any more: it has CVE.*; new groups get 8\.1$/)
  assert.equal(engineLines(build('9.1.2', '/engines/valkey-9.1'), ['9.0', '9.1']).join('|').includes('retired'), false)
})
