import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importProblems } from './imports.ts'

const problems = (path: string, text: string): readonly string[] =>
  importProblems([{ path: `packages/service/src/${path}`, text }])

test('each layer may import the ones below it', () => {
  const good: readonly (readonly [string, string])[] = [
    ['model/slots.ts', "import { invalidValue } from '../errors.ts'\nimport { createHash } from 'node:crypto'"],
    [
      'decide/group.ts',
      "import type { GroupSpec } from '../model/group.ts'\nimport type { EngineStatus } from '../ports/engine.ts'",
    ],
    ['engines/valkey/render.ts', "import type { EngineLaunch } from '../../ports/engine.ts'\nimport net from 'node:net'"],
    ['api/services/elasticache/tags/add.ts', "import {\n  a,\n  b,\n} from '../../../decide/pending.ts'"],
    [
      'compose/service.ts',
      "import { openSqliteStore } from '../store/sqlite.ts'\nimport { actions } from '../api/services/elasticache/index.ts'",
    ],
    ['api/server.test.ts', "import { createManager } from '../controllers/groups/manager.ts'"],
    ['testing/fake-world.ts', "import { createManager } from '../controllers/groups/manager.ts'"],
  ]
  for (const [path, text] of good) assert.deepEqual(problems(path, text), [], path)
})

test('an import against the layers is named, in every form of writing it', () => {
  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['model/slots.ts', "import type { Store } from '../ports/store.ts'", /model may import errors.ts/],
    ['model/slots.ts', "import { readFileSync } from 'node:fs'", /model is pure/],
    ['decide/group.ts', "import { randomBytes } from 'node:crypto'", /decide is pure/],
    ['decide/group.ts', "export { openSqliteStore } from '../store/sqlite.ts'", /decide may import model/],
    ['api/server.ts', "import {\n  createManager,\n} from '../controllers/groups/manager.ts'", /api may import/],
    ['controllers/groups/worker.ts', "const x = await import('../../api/server.ts')", /controllers may import/],
    ['host/linux.ts', "import '../store/sqlite.ts'", /host may import/],
    ['host/linux.ts', "import { startService } from '../compose/service.ts'", /host may import/],
    ['compose/service.ts', "import { createFakeWorld } from '../testing/fake-world.ts'", /there for tests/],
    ['compose/service.ts', "import { x } from '../../../client/src/main.ts'", /outside of the service/],
    ['shiny/new.ts', "import { x } from '../errors.ts'", /does not say what it may import/],
  ]
  for (const [path, text, expected] of bad) {
    const found = problems(path, text)
    assert.equal(found.length, 1, `${path}: ${text}`)
    assert.match(found[0] ?? '', expected)
  }
})

test('the library of applications stands alone', () => {
  const inLibrary = (path: string, text: string) => importProblems([{ path: `packages/client/src/${path}`, text }])
  const good =
    "import { slotOf } from '../connection/slot.ts'\nimport { near } from './near.ts'\nimport { LRUCache } from 'lru-cache'"
  assert.deepEqual(inLibrary('cache/cache.ts', good), [])
  assert.deepEqual(inLibrary('index.ts', "export { createCache } from './cache/create.ts'"), [])
  assert.deepEqual(inLibrary('cache/cache.test.ts', "import { openCatalog } from '../../../service/src/engines/catalog.ts'"), [])
  for (const target of ['../../../service/src/errors.ts', '../testing/servers.ts', '../connection/connection.contract.ts'])
    assert.match(inLibrary('cache/cache.ts', `import { x } from '${target}'`)[0] ?? '', /the library imports nothing/)
  assert.match(inLibrary('sessions/sessions.ts', "import { x } from '../cache/cache.ts'")[0] ?? '', /sessions may import/)
  assert.match(inLibrary('new/new.ts', "import { x } from '../errors.ts'")[0] ?? '', /does not say what it may import/)
})
