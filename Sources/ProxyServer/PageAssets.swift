/// The page's files, built into the program from the folder Page.
enum PageAssets {
    static let html = PackageResources.page_html
    static let style = PackageResources.page_css
    static let script = PackageResources.page_js
}
