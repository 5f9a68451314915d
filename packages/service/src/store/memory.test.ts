import { storeContract } from './contract.ts'
import { createMemoryStore } from './memory.ts'

storeContract('in memory', async (clock) => {
  const store = createMemoryStore({ clock })
  return { store, dispose: () => store.close() }
})
