import { addTagsToResource } from './add.ts'
import { listTagsForResource } from './list.ts'
import { removeTagsFromResource } from './remove.ts'

/** By their names in the model of AWS. */
export const tagsActions = {
  AddTagsToResource: addTagsToResource,
  ListTagsForResource: listTagsForResource,
  RemoveTagsFromResource: removeTagsFromResource,
} as const
