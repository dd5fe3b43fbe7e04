// In: a world and how long it should last. Out: nothing; its accounts have lived, by a seeded script, until so many frames are there.
import {
  deactivationAndReturn,
  deactivationForGood,
  deletion,
  newHandles,
  takedownAndReversal,
  takedownForGood,
} from "./themes/accounts.ts";
import { fullCommits, mixedCommits, samePathAgain, spotless } from "./themes/bulk.ts";
import { declarations, oddKeys, profiles, standardSite, unknownLexicons } from "./themes/declarations.ts";
import { followsAndBlocks, gates, listsAndStarterPacks, servicesAndVerifications } from "./themes/graph.ts";
import {
  editedLikes,
  likesAndRepostsViaOthers,
  likesOfWhatIsNotHere,
  malformedLikes,
  repeatedLikes,
} from "./themes/likes.ts";
import { editedPosts, longPosts, malformedPosts, oddDatesEverywhere, postsOfEveryKind } from "./themes/posts.ts";
import type { World } from "./world.ts";

/** All of them come once in the first frames, so that the first slice of a recording has every kind; then again, in between. */
const THEMES = [
  postsOfEveryKind,
  likesAndRepostsViaOthers,
  profiles,
  followsAndBlocks,
  listsAndStarterPacks,
  servicesAndVerifications,
  gates,
  declarations,
  standardSite,
  unknownLexicons,
  oddKeys,
  repeatedLikes,
  malformedLikes,
  malformedPosts,
  likesOfWhatIsNotHere,
  editedPosts,
  editedLikes,
  mixedCommits,
  samePathAgain,
  newHandles,
  deactivationAndReturn,
  takedownAndReversal,
  deactivationForGood,
  takedownForGood,
  deletion,
  spotless,
  oddDatesEverywhere,
  longPosts,
  fullCommits,
];
/** Once is enough: they are large. */
const ONLY_ONCE = new Set([longPosts, fullCommits]);
const FIRST_ACCOUNTS = 16;
/** Ordinary frames between two themes. */
const FRAMES_BETWEEN_THEMES = 150;
const FRAMES_BETWEEN_NEWCOMERS = 110;

/** Shares of ordinary life in percent, near those of the real network. */
const ACTIONS = { like: 68, post: 12, repost: 10, follow: 6, remove: 4, profile: 0.15, other: 0.2 };

export interface LifeOptions {
  frames: number;
  /** Told after every theme. */
  onProgress: (done: string, frames: number) => void;
}

export async function live(world: World, { frames, onProgress }: LifeOptions): Promise<void> {
  for (let count = 0; count < FIRST_ACCOUNTS; count++) await world.join();
  for (let count = 0; count < FIRST_ACCOUNTS; count++) await world.post(world.anyone());
  for (const theme of THEMES) {
    await theme(world);
    onProgress(theme.name, world.frameCount);
  }
  const later = THEMES.filter((theme) => !ONLY_ONCE.has(theme));
  let nextTheme = world.frameCount;
  let nextNewcomer = world.frameCount;
  for (let round = 0; world.frameCount < frames; ) {
    await ordinaryMoment(world);
    if (world.frameCount >= nextNewcomer) {
      nextNewcomer += FRAMES_BETWEEN_NEWCOMERS;
      await world.join();
    }
    if (world.frameCount >= nextTheme) {
      nextTheme = world.frameCount + FRAMES_BETWEEN_THEMES;
      const theme = later[round++ % later.length] ?? postsOfEveryKind;
      await theme(world);
      onProgress(theme.name, world.frameCount);
    }
  }
}

async function ordinaryMoment(world: World): Promise<void> {
  const account = world.anyone();
  const action = world.random.weighted(ACTIONS);
  switch (action) {
    case "like":
      await world.like(
        account,
        world.fresh(account, "like", () => world.somePost()),
      );
      return;
    case "post":
      await ordinaryPost(world);
      return;
    case "repost":
      await world.repost(
        account,
        world.fresh(account, "repost", () => world.somePost()),
      );
      return;
    case "follow":
      await world.follow(
        account,
        world.fresh(account, "follow", () => world.other(account).did),
      );
      return;
    case "remove":
      await removeSomething(world);
      return;
    case "profile":
      await profiles(world);
      return;
    case "other":
      await mixedCommits(world);
      return;
    default:
      action satisfies never;
  }
}

async function ordinaryPost(world: World): Promise<void> {
  const account = world.anyone();
  const kind = world.random.weighted({ plain: 40, reply: 45, quote: 7, image: 8 });
  switch (kind) {
    case "plain":
      await world.post(account);
      return;
    case "reply":
      await world.post(account, { reply: world.replyTo(world.somePost()) });
      return;
    case "quote":
      await world.post(account, { embed: { $type: "app.bsky.embed.record", record: world.somePost() } });
      return;
    case "image": {
      const image = await world.uploadImage(account);
      const aspectRatio = { width: 4, height: 3 };
      await world.post(account, {
        embed: { $type: "app.bsky.embed.images", images: [{ alt: "rain", image, aspectRatio }] },
      });
      return;
    }
    default:
      kind satisfies never;
  }
}

async function removeSomething(world: World): Promise<void> {
  if (world.deletable.length === 0) return;
  const { account, uri } = world.random.pick(world.deletable);
  await world.remove(account, uri);
}
