# install rules: written with the packaging
