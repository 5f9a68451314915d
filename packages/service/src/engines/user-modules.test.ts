/** Modules of the user's own, on every engine that can have them. The module is of our making: it has one command and says one word. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createClient } from '@redis/client'
import { engineCapabilities } from '../model/engine-versions.ts'
import { openCatalog } from './catalog.ts'
import { installed, openYard } from './testing.ts'
import { findTool } from './tools.ts'
import { withUserModules } from './user-modules.ts'

const sourceOf = (name: string): string => `
typedef struct Context Context;
static int (*ReplyWithSimpleString)(Context *, const char *);
static int answer(Context *context, void **words, int count) {
    (void)words; (void)count;
    return ReplyWithSimpleString(context, "of ${name}");
}
int RedisModule_OnLoad(Context *context, void **words, int count) {
    (void)words; (void)count;
    int (*find)(const char *, void *) = *(int (**)(const char *, void *))context;
    void (*SetModuleAttribs)(Context *, const char *, int, int);
    int (*CreateCommand)(Context *, const char *, void *, const char *, int, int, int);
    find("RedisModule_SetModuleAttribs", &SetModuleAttribs);
    find("RedisModule_CreateCommand", &CreateCommand);
    find("RedisModule_ReplyWithSimpleString", &ReplyWithSimpleString);
    SetModuleAttribs(context, "${name}", 1, 1);
    return CreateCommand(context, "${name}.hello", answer, "readonly", 0, 0, 0);
}
`

const capable = installed('valkey', 'redis').filter(({ engine, version }) => engineCapabilities(engine, version).eventLoopModules)
let folder = ''

const make = (name: string, into: string): string => {
  const file = join(into, `lib${name}.so`)
  writeFileSync(join(folder, 'source.c'), sourceOf(name))
  const [program = 'cc', ...args] = findTool('cc', process.env) ?? []
  execFileSync(program, [...args, '-shared', '-fPIC', join(folder, 'source.c'), '-o', file])
  chmodSync(file, 0o700)
  return file
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

describe('modules of the user', () => {
  it('are loaded by every engine that can load them, and nothing that cannot be loaded keeps a node from starting', async () => {
    const place = join(folder, 'modules')
    mkdirSync(join(place, 'valkey-9.1'), { recursive: true, mode: 0o700 })
    const json = make('json', place)
    const search = make('search', join(place, 'valkey-9.1'))
    writeFileSync(join(place, 'broken.so'), 'this is no module', { mode: 0o600 })
    chmodSync(make('open', place), 0o777)
    const warned: string[] = []
    const environment = { ...process.env, LARDER_MODULES: place }
    const catalog = await withUserModules(openCatalog(process.env), environment, (_level, message, fields) => {
      warned.push(`${message} ${fields?.['file']}`)
    })
    assert.ok(warned.some((each) => /cannot load a module .*broken\.so/.test(each)))
    assert.ok(warned.some((each) => /other users may change it .*libopen\.so/.test(each)))
    await using yard = await openYard()
    for (const { engine, version } of capable) {
      const found = catalog.find(engine, version)
      assert.ok(found)
      const expected = version.startsWith('9.1') ? [json, search] : [json]
      assert.deepEqual(found.modules, expected)
      const node = await yard.start(await yard.plan(found))
      assert.equal(await node.control.command(['json.hello']), 'of json')
      const client = createClient({ socket: { host: node.plan.address, port: node.plan.port } })
      await client.connect()
      assert.equal(await client.sendCommand(['JSON.HELLO']), 'of json')
      await assert.rejects(client.sendCommand(['MODULE', 'LIST']), /NOPERM|not allowed/)
      await assert.rejects(client.sendCommand(['MODULE', 'LOAD', search]), /NOPERM|not allowed/)
      client.destroy()
    }
  })

  it('are none where the setting is empty, and a folder that is not there is said', async () => {
    const catalog = openCatalog(process.env)
    const log = () => undefined
    assert.equal(await withUserModules(catalog, { ...process.env, LARDER_MODULES: '' }, log), catalog)
    const missing = { ...process.env, LARDER_MODULES: join(folder, 'nowhere') }
    await assert.rejects(withUserModules(catalog, missing, log), /expected LARDER_MODULES to be a folder that can be read, found/)
  })
})
